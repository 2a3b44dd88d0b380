"""One cell of a table, or one word of a command line, as a number: strictly, so that nothing is read as another."""

import math
import re

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
"""A number as a file or a command line may write it: ASCII digits, and no separators between them."""

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
"""What may stand between the cells of a line, and its name."""

_NOT_FINITE = frozenset(("nan", "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"))
_MISSING = _NOT_FINITE | {"", "na", "n/a", "#n/a", "null", "none", "-", "?", "."}
_SPREADSHEET_ERROR = re.compile(r"#(N/A|[A-Z0-9/]+[!?])")
_WITH_UNIT = re.compile(rf"[^\w\s+.-]?\s?{NUMBER.pattern}\s?[^\d\s.,]{{0,4}}", re.ASCII)
_MARKS = str.maketrans(",.", ".,")
_MOST_NAMES, _MOST_LETTERS = 12, 40


def is_number(text: str) -> bool:
    """Return whether this is a number, spaces around it apart; it may still be too large for float64."""
    return NUMBER.fullmatch(text.strip()) is not None


def with_point(text: str) -> str:
    """Return a number with a decimal comma as one with a point; with a comma, which is no number, where it has a point.

    Example:
        >>> with_point("3,14"), with_point("3.14")
        ('3.14', '3,14')
    """
    return text.translate(_MARKS)


def check_no_point(text: str) -> None:
    """Refuse a cell with a point, where numbers have a decimal comma.

    Raises:
        ValueError: it has one.
    """
    if "." in text and not is_missing(text):
        raise ValueError(f"{shown(text)} has a point beside --decimal comma; write nothing where it marks thousands")


def is_comment(text: str) -> bool:
    """Return whether a line that begins like this is a comment; what a spreadsheet writes for an error is none."""
    return text.startswith("#") and not _SPREADSHEET_ERROR.match(text)


def number(text: str, separator: str = ",", infinite: bool = False) -> float:
    """Read a finite number.

    Args:
        text: the cell; spaces around the number do not count.
        separator: the character at which its line was cut into cells, for the advice in the message; "" for a word of a
            command line.
        infinite: whether `inf` is a number too.

    Raises:
        ValueError: it is not a number, or float64 cannot hold it; the message says why, without a place.
    """
    text = text.strip()
    if infinite and text.lower().removeprefix("+") in ("inf", "infinity"):
        return math.inf
    if not NUMBER.fullmatch(text):
        raise ValueError(_why_not(text, separator))
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{shown(text)} is not a finite number: it is too large for float64")
    if value == 0.0 and re.search("[1-9]", re.split("[eE]", text)[0]):
        raise ValueError(f"{shown(text)} is too small for float64, where it would be 0")
    return value


def is_missing(text: str) -> bool:
    """Return whether this says that there is no value: nothing, NA, #N/A, null, nan, or a dash, but no infinity."""
    text = text.strip().lower()
    return text in _MISSING and "inf" not in text


def mismatch(cells: list[str], expected: int, separator: str, named: bool) -> str:
    """Return how a row differs from the first one, which has so many cells."""
    count = len(cells)
    found = f"{count} cell{'s' * (count != 1)} where the {'header' if named else 'first line'} has {expected}"
    if separator == "," and count == 2 * expected and all(map(is_number, cells)):
        return f"{found}; is this a decimal comma? --decimal comma reads it"
    return f"{found} (cells are cut at the {DELIMITERS[separator]}; --delimiter names another)"


def almost_number(text: str) -> bool:
    """Return whether what is no number was perhaps meant to be one, or to say that there is none."""
    if text.lower() in _MISSING or _SPREADSHEET_ERROR.fullmatch(text):
        return True
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return not is_number(text)


def listed(names: list[str]) -> str:
    """Return the first of many names, and how many more there are."""
    few = ", ".join(shortened(name) for name in names[:_MOST_NAMES])
    return few if len(names) <= _MOST_NAMES else f"{few}, ... and {len(names) - _MOST_NAMES:,} more"


def shown(text: str) -> str:
    """Return what a person wrote, in quotes, for a message: shortened, and bytes that are no text as hexadecimal."""
    return re.sub(r"\\udc([89a-f][0-9a-f])", r"\\x\1", repr(shortened(text)))


def shortened(text: str) -> str:
    """Return the beginning of a long text, and how long it is."""
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}... ({len(text):,} characters)"


def _why_not(text: str, separator: str) -> str:
    """Return why a text that is no number is none, and what to do about it."""
    if not text:
        return "no value; fill it in, or leave the row out"
    finite = "finite " * (text.lower() in _NOT_FINITE)
    remedy = "fill it in, or leave the row out" if is_missing(text) else "" if finite else _remedy(text, separator)
    return f"{shown(text)} is not a {finite}number" + (f"; {remedy}" if remedy else "")


def _remedy(text: str, separator: str) -> str:
    """Return what to do about a cell that says something, but not as a number; nothing where nobody knows."""
    if re.fullmatch(r"[+-]?\d[\d.]*,[\d.,]*", text, re.ASCII):
        if not separator:
            return "write a decimal point in place of the comma, or nothing where it marks thousands"
        return "--decimal comma reads a decimal comma; write nothing where it marks thousands"
    if other := next((other for other in ";\t|" if other in text and other != separator), None):
        return f"are cells cut at the {DELIMITERS[other]}? --delimiter says so"
    if len(parts := text.split()) > 1 and all(map(is_number, parts)):
        return "where a space parts two cells, write a comma; where it marks thousands, nothing"
    if is_number(text.replace("\u2212", "-")):
        return "write the minus sign as a hyphen, -"
    if _SPREADSHEET_ERROR.fullmatch(text):
        return "it is an error of a spreadsheet: mend its formula, or leave the row out"
    if almost_number(text):
        return "write digits 0 to 9 alone"
    return "write the number alone, without a unit" if _WITH_UNIT.fullmatch(text) else ""
