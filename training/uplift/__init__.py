"""The uplift job: the effect of contacting customers, learned from campaigns that held some out."""
