"""Records of what was found, as arrays, text and JSON. Nothing here computes a run."""
