"""A bank of real recordings as a decoder: units of them follow a trajectory of descriptors."""
