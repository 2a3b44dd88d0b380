"""The picture of a comparison."""

import numpy as np
import pytest

from mlejax import compare, plotting

WAITS = np.random.RandomState(0).exponential(2.0, 30)


def test_each_family_has_a_curve_in_both_panels():
    found = compare(["exponential", "normal"], WAITS, progress=False)
    figure = plotting.comparison_figure(found, "hours")
    left, right = figure.axes
    assert figure.get_supxlabel().startswith("2 fits; n = 30; mlejax ")
    names = [f"{name} ({fit.aic:.1f})" for name, fit in found.fits.items()]
    assert [line.get_label() for line in left.lines] == names
    assert [line.get_label() for line in right.lines] == ["observations", *names]
    x, y = left.lines[0].get_data()
    rate = found.best.model.rate
    np.testing.assert_allclose(y, rate * np.exp(-rate * x), rtol=1e-12)
    assert left.get_xlabel() == "hours"


@pytest.mark.slow
def test_counts_are_drawn_at_whole_numbers():
    found = compare(["poisson"], np.array([0, 1, 1, 2, 5]), weights=np.array([1.0, 2, 1, 1, 1]), progress=False)
    left, _ = plotting.comparison_figure(found).axes
    assert left.lines[0].get_xdata().tolist() == [0, 1, 2, 3, 4, 5]
    assert left.get_ylabel() == "probability"
