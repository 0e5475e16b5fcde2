"""The parts of the simulated shop; :mod:`features.simulate` is its front door."""
