"""What mlejax costs: one file per question, each a command of `python -m benchmarks`."""
