"""Reads a formula: the sufficient statistics found in it, and what of it is computed how often."""
