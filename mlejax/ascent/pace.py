"""Compiled code runs for about a quarter of a second at a time."""

import numpy as np

SECONDS_PER_CALL = 0.25
"""How long compiled code may run before Python looks at progress, Ctrl-C and the disk."""


class Pace:
    """How much a device does in a call, so that it takes `SECONDS_PER_CALL`: cores differ, and change."""

    least: int  # turns of a round
    turns: np.int32  # likewise
    rounds: np.int32  # of a call

    def __init__(self, turns: int = 1, least: int = 1) -> None:
        self.least = least
        self.turns: np.int32 = np.int32(turns)  # of a loop, in a round; the first call does so much
        self.rounds: np.int32 = np.int32(1)

    def learn(self, seconds: float, rounds: int, most: int) -> None:
        """Learn from the last call: whole rounds of the most turns, unless one takes too long; at most eightfold.

        Args:
            seconds: that it took.
            rounds: that it made.
            most: turns that a round may have.
        """
        total = min(SECONDS_PER_CALL * rounds / seconds, 8.0 * self.rounds) * self.turns
        self.turns = np.int32(np.clip(total, self.least, most))
        self.rounds = np.int32(max(total / self.turns, 1))
