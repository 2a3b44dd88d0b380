"""Pictures read back from what was drawn, and what the drawn sweep ran over."""

import numpy as np

RATES = np.geomspace(1e-3, 100.0, 11)
VARIANCE_RATES = np.geomspace(1e-3, 1e3, 7)
LIMIT = 15.7


def line(ax, label):
    (found,) = [line for line in ax.get_lines() if str(line.get_label()).startswith(label)]
    return found


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def rings(ax):
    return [line for line in ax.get_lines() if line.get_marker() == "o" and line.get_markerfacecolor() == "none"]
