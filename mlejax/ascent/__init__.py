"""One run: its state, its step, the loop that trains it, and its outcome."""
