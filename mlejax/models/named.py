"""Families by what they are called: `weibull`, `binomial(10)`, `fixed(student_t, degrees_of_freedom=9)`."""

import dataclasses
import difflib
import inspect
import re
from collections.abc import Callable
from typing import Any

from ..checks import InputValueError
from . import FAMILIES, OF_ARRAYS, Families

WRAPPERS = Families(
    {
        "fixed": "wrappers.Fixed",
        "interval_censored": "censored.IntervalCensored",
        "left_censored": "censored.LeftCensored",
        "right_censored": "censored.RightCensored",
        "mixture": "mixture.Mixture",
        "shifted": "shifted.Shifted",
        "truncated": "truncated.Truncated",
        "zero_inflated": "inflated.ZeroInflated",
    }
)
"""What holds a family: `NAME(FAMILY, ...)` calls its `of`."""

EXAMPLES = {
    "binomial": "binomial(10)",
    "categorical": "categorical(3)",
    "fixed": "fixed(weibull, shape=2)",
    "interval_censored": "interval_censored(weibull)",
    "left_censored": "left_censored(weibull)",
    "right_censored": "right_censored(weibull)",
    "mixture": "mixture(normal, 2)",
    "shifted": "shifted(weibull)",
    "truncated": "truncated(normal, lower=0)",
    "zero_inflated": "zero_inflated(poisson)",
}
"""How a family or a wrapper is given what it needs."""

LIKE = 0.75
"""From 0 to 1: how much two names have to share for the one to be meant by the other."""

_TOKEN = re.compile(
    r"\s*(?:(?P<name>[A-Za-z_][\w.]*(?::[A-Za-z_][\w.]*)?)"
    r"|(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|-?inf)|(?P<mark>[(),=]))\s*"
)


@dataclasses.dataclass(frozen=True)
class Called:
    """A name and what is handed to it: `mixture(normal, 3)`.

    Args:
        name: of a family or a wrapper.
        arguments: others like it, and numbers, in their order.
        options: numbers by name.
    """

    name: str
    arguments: tuple["Called | float | int", ...] = ()
    options: tuple[tuple[str, float | int], ...] = ()

    def __str__(self) -> str:
        given = [*map(str, self.arguments), *(f"{name}={value:g}" for name, value in self.options)]
        return f"{self.name}({', '.join(given)})" if given else self.name


def parsed(text: str) -> Called:
    """Read a name, or a name with arguments in parentheses.

    Raises:
        ValueError: it is written otherwise; the message says where.

    Example:
        >>> parsed("fixed(shifted(weibull),shape=2)")
        Called(name='fixed', arguments=(Called(name='shifted', ...),), options=(('shape', 2),))
    """
    tokens, at = [], 0
    while at < len(text):
        if (found := _TOKEN.match(text, at)) is None:
            raise InputValueError(f"expected a name, a number or one of ( ) , = at {text[at:]!r} of {text!r}")
        tokens.append((found.lastgroup or "", found[found.lastgroup or 0], at))
        at = found.end()
    tokens.append(("end", "", len(text)))
    position = 0

    def take(wanted: str) -> str:
        nonlocal position
        kind, word, where = tokens[position]
        if wanted not in (kind, word):
            got = repr(text[where:].strip()) if kind != "end" else "its end"
            raise InputValueError(f"expected {'a name' if wanted == 'name' else repr(wanted)} at {got} of {text!r}")
        position += 1
        return word

    def number() -> float | int:
        word = take("number")
        return int(word) if re.fullmatch(r"[+-]?\d+", word) else float(word)

    def called() -> Called:
        name, arguments, options = take("name"), [], []
        if tokens[position][1] == "(":
            take("(")
            while True:
                if tokens[position][0] == "number":
                    arguments.append(number())
                elif tokens[position][0] == "name" and tokens[position + 1][1] == "=":
                    option = take("name")
                    take("=")
                    options.append((option, number()))
                else:
                    arguments.append(called())
                if tokens[position][1] != ",":
                    break
                take(",")
            take(")")
        return Called(name, tuple(arguments), tuple(options))

    whole = called()
    if tokens[position][0] != "end":
        take("end of the name")
    return whole


def family_named(text: str | Called, find: Callable[[str], Any] | None = None) -> Any:
    """Return the family that a text names.

    Args:
        text: such as `gamma`, `binomial(10)` or `fixed(student_t, degrees_of_freedom=9)`.
        find: what else a name without arguments may stand for, such as a model in a module; it returns None of a name
            that it does not know.

    Returns:
        A class of models, or anything else that finds a start for one; or what `find` returned.

    Raises:
        ValueError: there is no such family, or it does not take these arguments.
    """
    said = parsed(text) if isinstance(text, str) else text
    wraps = said.name in WRAPPERS
    known = WRAPPERS if wraps else OF_ARRAYS if said.name in OF_ARRAYS else FAMILIES
    family: Any = known[said.name] if said.name in known else find(said.name) if find else None
    if family is None:
        names = ", ".join([*FAMILIES, *OF_ARRAYS])
        raise InputValueError(
            f"there is no family {said.name}{_perhaps(said.name)}; they are {names}, and {', '.join(WRAPPERS)} of one"
        )
    if not (wraps or said.arguments or said.options):
        return family
    if not hasattr(family, "of"):
        raise InputValueError(f"{said}: {said.name} takes no arguments")
    arguments = [family_named(each, find) if isinstance(each, Called) else each for each in said.arguments]
    try:
        inspect.signature(family.of).bind(*arguments, **dict(said.options))
    except TypeError as error:
        example = f"; write it as in {EXAMPLES[said.name]}" if said.name in EXAMPLES else ""
        raise InputValueError(f"{said}: {error}{example}") from None
    return family.of(*arguments, **dict(said.options))


def _perhaps(name: str) -> str:
    """Return a question whether a name like this one is meant; nothing where there is none."""

    def plain(name: str) -> str:
        return name.replace("_", "").lower()

    known = {plain(each): each for each in (*FAMILIES, *OF_ARRAYS, *WRAPPERS)}
    near = difflib.get_close_matches(plain(name), known, 1, LIKE)
    return f" (did you mean {known[near[0]]}?)" if near else ""


def listed(text: str) -> list[str]:
    """Return names that stand between commas, those within parentheses apart.

    Example:
        >>> listed("normal,fixed(weibull,shape=2)")
        ['normal', 'fixed(weibull,shape=2)']
    """
    names, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            names.append("")
        else:
            names[-1] += letter
    return [name.strip() for name in names]
