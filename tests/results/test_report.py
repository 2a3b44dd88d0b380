"""What a doctor's report says."""

import json

from mlejax.results.report import FINDING, OK, UNKNOWN, Checked, CheckReport

REPORT = CheckReport(
    "Mine",
    (
        Checked("gradient", OK, "agrees"),
        Checked("walls", UNKNOWN, "nothing is seen"),
        Checked("support", FINDING, "too wide", "Declare it."),
    ),
    {"data": "raw"},
)


def test_a_finding_is_told_from_what_cannot_be_told():
    assert [each.name for each in REPORT.findings] == ["support"]
    assert not REPORT.ok
    assert CheckReport("Mine", REPORT.checks[:2], {}).ok


def test_the_text_says_what_to_do():
    lines = str(REPORT).splitlines()
    assert "support   finding: too wide" in lines
    assert lines[lines.index("support   finding: too wide") + 1].strip() == "Declare it."
    assert "walls     cannot tell: nothing is seen" in lines
    assert lines[-1] == "1 finding"
    assert str(CheckReport("Mine", REPORT.checks[:1], {})).endswith("nothing found")


def test_json():
    made = json.loads(REPORT.to_json())
    assert made["ok"] is False
    assert made["findings"] == [
        {"name": "support", "answer": "finding", "message": "too wide", "advice": "Declare it."}
    ]
    assert made["facts"] == {"data": "raw"}
