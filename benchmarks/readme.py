"""The benchmark table of the README, from the record of the last run: `python -m benchmarks.readme` writes it there."""

import json
import re
from collections.abc import Mapping
from typing import Any

from . import common

README = common.HERE.parent / "README.md"
RECORD = common.HERE / "results" / "reference.json"
TABLE = re.compile(r"(<!-- benchmark table -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def table(record: Mapping[str, Any]) -> str:
    """Return the lines between the markers."""
    whole = "" if any(row.get("scaled_from_epochs") for row in record["results"]) else " --full"
    lines = [
        f"One run of the reference problem (`python -m benchmarks reference{whole}`):",
        "",
        "| program | time, median | times the reference's speed | times C++ -O3's | to compile |",
        "|---|---:|---:|---:|---:|",
    ]
    for row in record["results"]:
        if "seconds" in row:
            cells = [
                row["program"] + (" (from fewer epochs)" if row["scaled_from_epochs"] else ""),
                common.duration(row["seconds"]["median"]),
                common.ratio(row["times_reference"]),
                common.ratio(row["times_cpp"]),
                common.duration(row["compile_seconds"]),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    machine = common.describe(record["environment"]).replace("\n", "; ")
    return "\n".join([*lines, "", f"{machine}.", ""])


def main() -> None:
    """Replace what stands between the markers."""
    made = table(json.loads(RECORD.read_text()))
    README.write_text(TABLE.sub(lambda match: f"{match[1]}\n{made}\n{match[3]}", README.read_text()))


if __name__ == "__main__":
    main()
