"""What the doctor says of a model: each check with its answer, and what to do."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from .record import json_pieces

OK, FINDING, UNKNOWN = "ok", "finding", "cannot tell"
"""The answers of a check."""


@dataclasses.dataclass(frozen=True)
class Checked:
    """A check of a model and its answer."""

    name: str
    answer: str  # OK, FINDING or UNKNOWN
    message: str
    advice: str = ""  # what to do about a finding


@dataclasses.dataclass(frozen=True)
class CheckReport:
    """The answers of `check` for a model; `print` shows them, `ok` says whether nothing was found."""

    model: str
    checks: tuple[Checked, ...]
    facts: Mapping[str, str]  # what else is known, such as times, in words

    @property
    def findings(self) -> tuple[Checked, ...]:
        """The checks that found something, each with what to do."""
        return tuple(each for each in self.checks if each.answer == FINDING)

    @property
    def ok(self) -> bool:
        """Whether no check found anything; one that cannot tell finds nothing."""
        return not self.findings

    def to_record(self) -> dict[str, Any]:
        """Return the report as JSON has it."""
        return {
            "model": self.model,
            "ok": self.ok,
            "findings": [dataclasses.asdict(each) for each in self.findings],
            "checks": [dataclasses.asdict(each) for each in self.checks],
            "facts": dict(self.facts),
        }

    def to_json(self) -> str:
        """Return the report as JSON."""
        return "".join(json_pieces(self.to_record()))

    def __str__(self) -> str:
        width = max(map(len, [*(each.name for each in self.checks), *self.facts]))
        lines = [self.model, ""]
        for each in self.checks:
            lines.append(f"{each.name.ljust(width)}  {'' if each.answer == OK else f'{each.answer}: '}{each.message}")
            lines += [f"{' ' * width}  {each.advice}"] if each.advice else []
        lines += ["", *(f"{name.ljust(width)}  {text}" for name, text in self.facts.items())]
        found = len(self.findings)
        return "\n".join([*lines, "", f"{found} finding{'s' * (found != 1)}" if found else "nothing found"])
