"""From observations to samples: checks, splits, summaries, raw observations, and the sources of a sweep."""
