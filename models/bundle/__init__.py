"""The bundle: the immutable folder that training exports and the server reads."""
