"""Raw records in, checked tables and point-in-time customer vectors out."""
