"""The table of a simulation study."""

import csv

import numpy as np

from mlejax.results.study import FIGURES, Coverage, Scatter, Study


def test_it_is_printed_with_a_row_for_each_count_and_parameter(tmp_path):
    none = np.full(2, np.nan)
    numbers = (0.1, 0.01, 0.2, 0.02, 0.25, 0.03, 0.21, 0.94, 0.01)
    figures = {name: np.array([x, x / 2]) for name, x in zip(FIGURES[:-1], numbers, strict=True)}
    figures["coverage_lacking"] = np.array([0.25, 0.0])
    found = Study(
        "Exponential",
        0.95,
        500,
        np.array([10, 40]),
        np.array([0.98, 1.0]),
        {"rate": Scatter(2.0, **figures, bootstrap={"bca": Coverage(none, none, np.array([1.0, 0.0]))})},
    )
    lines = str(found).splitlines()
    assert lines[0] == "Exponential, 500 samples of each size, intervals of 95%"
    assert lines[-5].split() == [
        "rate",
        "10",
        "2",
        "0.1",
        "0.01",
        "0.2",
        "0.25",
        "0.21",
        "0.9400",
        "0.0100",
        "-",
        "-",
    ]
    assert lines[-3:] == [
        "samples without a maximum, left out: 2.00% at n = 10",
        "samples without a standard error of rate, left out of its coverage: 25.00% at n = 10",
        "samples without a bca interval of rate, left out of its coverage: 100.00% at n = 10",
    ]
    assert found.to_pandas().shape == (2, 17)
    assert found.rows()[1]["count"] == 40
    assert found.rows()[1]["coverage"] == 0.47
    assert found.to_record()["study"][0]["bca_coverage"] is None
    found.to_csv(tmp_path / "study.csv")
    rows = list(csv.DictReader((tmp_path / "study.csv").read_text().splitlines()))
    assert [float(row["bias"]) for row in rows] == [0.1, 0.05]
    assert rows[0]["bca_coverage"] == ""
