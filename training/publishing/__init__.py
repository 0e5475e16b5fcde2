"""From champions to the bundle: scores of everyone, segments, effects, and the export."""
