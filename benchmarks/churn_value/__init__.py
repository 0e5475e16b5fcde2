"""Churn and value beside published results and other packages, one data set at a time."""
