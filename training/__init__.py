"""Jobs: windows, labels, fit, measure, track, gate, publish."""
