"""Recommenders, one file each, behind one small contract."""
