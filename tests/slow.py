"""`mlejax`, as from a shell, but a device does little in a call and then pauses; what has ended is measured at once.

So a sweep lasts long enough to be killed half way, on any machine, however fast.
"""

import os
import signal
import sys
import time

import numpy as np

from mlejax.cli import main as cli
from mlejax.sweeps import measure, others, schedule

PAUSE = float(os.environ.get("PAUSE", "0.05"))
TURNS, ROUNDS = 64, 8  # of two epochs on statistics: 1024 epochs of every lane, a fifth of a run


class Pace:
    def __init__(self, *_):
        self.turns, self.rounds = np.int32(TURNS), np.int32(ROUNDS)

    def learn(self, *_):
        time.sleep(PAUSE)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background of a shell is born deaf to it
    cli._is_watched = lambda: True  # by the test, which waits for the bar to count
    measure.SECONDS_BETWEEN_CONCLUSIONS = 0.0
    schedule.Pace = Pace
    others.SECONDS_FOR_OTHERS = float(os.environ.get("AWAY", others.SECONDS_FOR_OTHERS))
    sys.exit(cli.main())
