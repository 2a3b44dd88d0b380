"""Numbers and lists of numbers as a command line writes them."""

import argparse
import math
import re
from typing import TYPE_CHECKING, NamedTuple

from ..samples import cells
from ..samples.cells import shown

if TYPE_CHECKING:
    import numpy as np

MOST_SEEDS, MOST_RATES, MOST_RUNS = 100_000_000, 1_000_000, 10_000_000_000
"""Values that one option may ask for, and runs of a sweep."""


def number(text: str) -> float:
    """Read a finite number."""
    try:
        return cells.number(text, "")
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a finite number; got {shown(text)}") from None


def whole(text: str) -> int:
    """Read a whole number, of at most 18 digits."""
    if not re.fullmatch("[+-]?[0-9]{1,18}", text):
        raise argparse.ArgumentTypeError(f"expected a whole number{_short(text)}; got {shown(text)}")
    return int(text)


def at_least_one(text: str) -> int:
    """Read a whole number above zero."""
    if not (re.fullmatch("[0-9]{1,18}", text) and int(text) > 0):
        raise argparse.ArgumentTypeError(f"expected a whole number above 0{_short(text)}; got {shown(text)}")
    return int(text)


def _short(text: str) -> str:
    return ", of at most 18 digits" if re.fullmatch("[+-]?[0-9]{19,}", text) else ""


def at_least_one_or_all(text: str) -> int | str:
    """Read a whole number above zero, or `all`."""
    return text if text == "all" else at_least_one(text)


def whole_numbers(text: str) -> "np.ndarray":
    """Read `0:100` for 0 to 99, or `0,5,7`, as an array of whole numbers, at least one."""
    import numpy as np

    parts = text.split(":" if ":" in text else ",")
    if not all(re.fullmatch("[+-]?[0-9]{1,18}", part) for part in parts) or (":" in text and len(parts) != 2):
        raise argparse.ArgumentTypeError(
            f"expected FIRST:LAST or whole numbers with commas, of at most 18 digits; got {shown(text)}"
        )
    if ":" not in text:
        return np.array([int(part) for part in parts])
    first, last = map(int, parts)
    if last <= first:
        raise argparse.ArgumentTypeError(f"{shown(text)} is empty: LAST is not included")
    if last - first > MOST_SEEDS:
        raise argparse.ArgumentTypeError(
            f"{shown(text)} asks for {last - first:,} values; at most {MOST_SEEDS:,} are possible"
        )
    return np.arange(first, last)


def sizes(text: str) -> "int | np.ndarray":
    """Read `1000`; or as an array `100,1000`, or `100:10000:3` for 100, 1000 and 10000: equal ratios, rounded."""
    import numpy as np

    parts = text.split(":" if ":" in text else ",")
    if not all(re.fullmatch("[0-9]{1,18}", part) for part in parts) or (":" in text and len(parts) != 3):
        raise argparse.ArgumentTypeError(
            f"expected a whole number, several with commas, or LOW:HIGH:COUNT; got {shown(text)}"
        )
    if min(low := list(map(int, parts[:2] if ":" in text else parts))) < 2:
        raise argparse.ArgumentTypeError(f"expected whole numbers above 1; got {min(low)}")
    if ":" not in text and len(parts) == 1:
        return low[0]
    values = np.rint(geometric(text)).astype(np.int64) if ":" in text else np.array(low)
    kept, times = np.unique(values, return_counts=True)
    if len(kept) < len(values):
        raise argparse.ArgumentTypeError(f"{shown(text)} has {kept[np.argmax(times > 1)]:,} more than once")
    return values


def geometric(text: str) -> "np.ndarray":
    """Read `0.001:10:41` for 41 values from 0.001 to 10 in equal ratios, or `0.1,0.2`, as an array of float64."""
    import numpy as np

    parts = text.split(":" if ":" in text else ",")
    if not all(map(cells.is_number, parts)) or (":" in text and (len(parts) != 3 or not parts[2].strip().isdigit())):
        raise argparse.ArgumentTypeError(f"expected LOW:HIGH:COUNT or numbers with commas; got {shown(text)}")
    if ":" not in text:
        return np.array([number(part) for part in parts])
    low, high, count = number(parts[0]), number(parts[1]), at_least_one(parts[2].strip())
    if not (low > 0 and high > 0):
        raise argparse.ArgumentTypeError(f"LOW and HIGH must be positive; got {shown(text)}")
    if count > MOST_RATES:
        raise argparse.ArgumentTypeError(
            f"{shown(text)} asks for {count:,} values; at most {MOST_RATES:,} are possible"
        )
    if count > 1 and high == low:
        raise argparse.ArgumentTypeError(f"LOW and HIGH are the same, which is one value; got {shown(text)}")
    if count == 1 and high != low:
        raise argparse.ArgumentTypeError(f"one value cannot be both LOW and HIGH; got {shown(text)}")
    if not math.isfinite(high / low) or not high / low:
        raise argparse.ArgumentTypeError(f"LOW and HIGH are too far apart; got {shown(text)}")
    return np.geomspace(low, high, count)


class AxisValues(NamedTuple):
    """Values along an axis of a sweep."""

    axis: str
    values: "np.ndarray"


def axis_values(text: str) -> AxisValues:
    """Read `seed=0:3` for 0, 1 and 2; `learning_rate=0.1,1`, or `learning_rate=0.01:10:31` in equal ratios.

    Groups are named as they are: `group=berlin,rome`.
    """
    axis, sign, values = text.partition("=")
    if not axis or not sign:
        raise argparse.ArgumentTypeError(
            f"expected AXIS=VALUES, such as learning_rate=0.1,1 or seed=0:3; got {shown(text)}"
        )
    if axis == "group":
        import numpy as np

        return AxisValues(axis, np.array(values.split(",")))
    return AxisValues(axis.replace("-", "_"), whole_numbers(values) if values.count(":") == 1 else geometric(values))


def rate_values(text: str) -> AxisValues:
    """Read the learning rates of one parameter: `shape=0.1,1`, or `shape=0.01:10:31` in equal ratios."""
    name, sign, values = text.partition("=")
    if not re.fullmatch(r"[A-Za-z_][\w.]*", name) or not sign:
        raise argparse.ArgumentTypeError(f"expected NAME=RATES, such as shape=0.1,1; got {shown(text)}")
    return AxisValues(name, geometric(values))


class FixedValue(NamedTuple):
    """A parameter that is not estimated."""

    name: str
    value: float


def decimal_mark(text: str) -> str:
    """Read what stands before the decimals of a number, by its name or itself: point or comma."""
    mark = {".": "point", ",": "comma"}.get(text, text.lower())
    if mark not in ("point", "comma"):
        raise argparse.ArgumentTypeError(f"expected point or comma; got {cells.shown(text)}")
    return mark


def fixed_value(text: str) -> FixedValue:
    """Read NAME=VALUE, such as shape=2."""
    name, sign, value = text.partition("=")
    if not re.fullmatch(r"[A-Za-z_][\w.]*", name) or not sign:
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, such as shape=2; got {shown(text)}")
    return FixedValue(name, number(value))


def parameter_values(text: str) -> list[FixedValue]:
    """Read NAME=VALUE, or several with commas, such as shape=2,rate=1 or mean[0]=2,covariance[0,1]=0.5."""
    found = []
    for part in re.split(r",(?![^\[]*\])", text):
        name, sign, value = part.partition("=")
        if not re.fullmatch(r"[A-Za-z_][\w.]*(\[[\w,]+\])?", name.strip()) or not sign:
            raise argparse.ArgumentTypeError(f"expected NAME=VALUE, such as shape=2; got {shown(part)}")
        found.append(FixedValue(name.strip(), number(value)))
    return found


def share(text: str) -> float:
    """Read a number between 0 and 1."""
    if not 0 < (found := number(text)) < 1:
        raise argparse.ArgumentTypeError(f"expected a number between 0 and 1; got {shown(text)}")
    return found


def path(text: str) -> str:
    """Read the name of a file or directory."""
    if not text or "\0" in text:
        raise argparse.ArgumentTypeError(f"expected the name of a file or directory; got {shown(text)}")
    return text
