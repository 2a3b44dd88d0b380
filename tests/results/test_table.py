"""A table of fits: its rows, what it leaves out where a number would mislead, and what it says of all."""

import csv
import dataclasses
import json

import numpy as np
import pytest

import mlejax
from mlejax.results.table import plain
from mlejax.status import Status


@pytest.fixture
def table():
    status = np.array([Status.CONVERGED, Status.AT_INFINITY, Status.CONVERGED])
    return mlejax.FitTable(
        family="Normal", axis="group", labels=np.array(["a", "b", "c"]),
        model=mlejax.Normal(np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])),
        standard_errors=mlejax.Normal(np.array([0.1, np.nan, np.nan]), np.array([0.4, np.nan, 0.6])),
        log_likelihood=np.array([-10.0, -20.0, -30.0]), distance=np.array([1e-9, np.inf, 0.0]),
        count=np.array([10.0, 20.0, 2.5]), steps=np.array([3, 4, 5]), status=status,
        reasons={1: "it keeps rising", 2: "a wall"},
    )  # fmt: skip


def test_a_row_has_no_number_that_would_mislead(table):
    assert table["b"] == {
        "group": "b", "mean": 2.0, "variance": 5.0, "standard_error.mean": None, "standard_error.variance": None,
        "log_likelihood": -20.0, "distance": None, "count": 20, "steps": 4, "converged": False,
        "status": "AT_INFINITY", "reason": "it keeps rising",
    }  # fmt: skip
    assert table["c"]["count"] == 2.5
    with pytest.raises(KeyError, match=r"there is no group 'z' among 3$"):
        table["z"]


def test_a_row_by_what_is_no_position_names_it_and_the_way_to_labels(table):
    assert table.row(-2) == table.row(np.int64(1)) == table["b"]
    assert table.row(-2)["reason"] == "it keeps rising"
    for wrong in ("b", 3, -4, 1.0):
        with pytest.raises(mlejax.InputError, match=f"from 0 to 2; got {wrong!r}. By its group a row is table.group."):
            table.row(wrong)


def test_it_goes_over_its_labels_as_it_is_asked_by_them(table):
    assert list(table) == table.labels.tolist()
    assert [table[label] for label in table] == list(table.rows())
    assert table.labels[0] in table


def test_a_label_that_is_misspelled_is_told_what_is_near(table):
    cities = dataclasses.replace(table, labels=np.array(["berlin", "bern", "rome"]))
    with pytest.raises(KeyError, match=r"there is no group 'berlim' among 3; near it are berlin, bern$"):
        cities["berlim"]
    years = dataclasses.replace(table, labels=np.array([2019, 2020, 1066]))
    with pytest.raises(KeyError, match=r"no group 2021 among 3; near it are 2020, 2019$"):
        years[2021]


def test_it_says_how_many_converged_and_why_others_did_not(table):
    assert table.summary().splitlines() == [
        "2 of 3 converged",
        "1 AT_INFINITY, such as group b: it keeps rising",
        "1 converged without standard errors: a wall",
    ]
    text = str(table)
    assert text.startswith("Normal, a fit for each group\n")
    assert "b         20     2    -         5    -  AT_INFINITY" in text
    assert text.endswith(table.summary())


def test_a_reason_beside_standard_errors_is_not_called_a_lack_of_them(table):
    several = dataclasses.replace(table, reasons={0: "6 of 6 starts led to this height", 1: "it keeps rising"})
    assert several.summary().splitlines() == ["2 of 3 converged", "1 AT_INFINITY, such as group b: it keeps rising"]


def test_all_forms_hold_the_same(table, tmp_path):
    found = table.to_xarray()
    assert found.sizes == {"group": 3}
    assert found["standard_error.variance"].sel(group="c") == 0.6
    assert found.status.attrs["flag_meanings"] == "CONVERGED AT_INFINITY"
    frame = table.to_pandas()
    assert frame.loc["b", "status"] == "AT_INFINITY"
    table.to_csv(tmp_path / "fits.csv")
    rows = list(csv.DictReader((tmp_path / "fits.csv").read_text().splitlines()))
    assert [row["group"] for row in rows] == ["a", "b", "c"]
    assert rows[1]["standard_error.mean"] == ""
    assert float(rows[0]["mean"]) == frame.loc["a", "mean"]


@pytest.mark.parametrize("of", ["M8[D]", "M8[ns]"])
def test_a_label_that_is_a_date_is_written_as_one(table, of, tmp_path):
    days = np.array(["2024-02-29", "2024-03-01", "2024-03-02"], of)
    dated = dataclasses.replace(table, labels=days)
    assert json.loads(json.dumps(dated.to_record()))["fits"][1]["group"] == str(days[1])
    dated.to_csv(tmp_path / "fits.csv")
    assert "\n2024-03-01" in (tmp_path / "fits.csv").read_text()
    assert dated[days[2]]["mean"] == 3.0


def test_a_parquet_file_has_null_where_a_number_would_mislead(table, tmp_path):
    from pyarrow import parquet

    table.to_parquet(tmp_path / "fits.parquet")
    rows = parquet.read_table(tmp_path / "fits.parquet").to_pylist()
    assert rows == [{**row, "count": float(row["count"])} for row in table.rows()]


def test_many_rows_are_shown_evenly_spread(table):
    many = 100
    wide = mlejax.FitTable(
        family="Normal", axis="seed", labels=np.arange(many), model=mlejax.Normal(np.zeros(many), np.ones(many)),
        standard_errors=mlejax.Normal(np.zeros(many), np.ones(many)), log_likelihood=np.zeros(many),
        distance=np.zeros(many), count=np.ones(many), steps=np.ones(many, int),
        status=np.full(many, int(Status.CONVERGED)), reasons={},
    )  # fmt: skip
    assert "(12 of 100, evenly spread)\n100 of 100 converged" in str(wide)
    assert repr(wide) == "FitTable(Normal, 100 by seed, 100 converged)"


def test_labels_are_written_as_json_has_them():
    labels = [np.str_("b"), np.int64(3), np.datetime64("2020-01-01")]
    assert [plain(label) for label in labels] == ["b", 3, "2020-01-01"]


def test_what_was_reached_where_there_is_no_bound_is_not_shown(table):
    endless = dataclasses.replace(table, status=np.array([Status.CONVERGED, Status.UNBOUNDED, Status.CONVERGED]))
    assert "b         20     -    -         -    -  UNBOUNDED" in str(endless)
    assert endless["b"]["mean"] == 2.0
