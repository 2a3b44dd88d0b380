"""`Draws(by="statistics")`: the summary of a sample without the sample, exact in distribution."""

import functools

import jax
import numpy as np
import pytest
import scipy.stats
from helpers import draws

import mlejax
from mlejax.cli import commands, machine
from mlejax.cli import main as cli
from mlejax.devices import mesh
from mlejax.results.schema import QUANTITIES
from mlejax.samples import gather

pytestmark = pytest.mark.usefixtures("x64")
START, TARGET = mlejax.Normal(np.float64(0.0), np.float64(1.0)), mlejax.Normal(7.2, 7.84)
N, SEEDS, HELD_OUT = 50, 400, 10
PARTS = {"train": N - HELD_OUT, "validation": HELD_OUT}


def stack(source, seeds, fraction):
    """The summaries of all seeds, side by side."""
    found = gather.gather(gather.Request(START, source, seeds, fraction, True), np.arange(len(seeds)), mesh(), id)
    (alike,) = found.stacks
    return alike


@functools.cache
def moments(draw, seeds=SEEDS):
    """Part -> means and variances (divisor n) of the samples of all seeds, read from their summaries."""
    data = stack(mlejax.Draws(TARGET, N, draw), np.arange(seeds), HELD_OUT / N)
    found = {}
    for name, count in PARTS.items():
        summary = getattr(data, name)
        assert (summary.centers.shape, summary.averages.shape) == ((seeds, 1), (seeds, 1))
        np.testing.assert_array_equal(summary.count, np.full(seeds, float(count)))
        found[name] = tuple(read(summary))
    return found


def read(summary):
    """The average log-density at three points gives the mean and the variance, whatever the statistics are."""

    def one(summary):
        at = [summary.mean_log_prob(mlejax.Normal(mean, 1.0)) for mean in (7.2, 8.2)]
        mean = at[1] - at[0] + 7.7
        return mean, -2 * at[0] - np.log(2 * np.pi) - (mean - 7.2) ** 2

    mean, variance = jax.vmap(one)(summary)
    return np.asarray(mean), np.asarray(variance)


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("moment", [0, 1], ids=["mean", "variance"])
def test_they_are_distributed_as_those_of_drawn_samples(part, moment):
    drawn, direct = (moments(draw)[part][moment] for draw in ("jax", "statistics"))
    assert drawn.shape == direct.shape == (SEEDS,)
    assert not np.array_equal(drawn, direct)
    assert scipy.stats.ks_2samp(drawn, direct).pvalue > 1e-3


def exact(part, degrees=None, divisor=None):
    """The distributions by Cochran's theorem: of the mean, and of the variance with divisor n."""
    n = PARTS[part]
    mean = scipy.stats.norm(7.2, np.sqrt(7.84 / n))
    return mean, scipy.stats.chi2(degrees or n - 1, scale=7.84 / (divisor or n))


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_they_have_the_exact_distribution(part):
    mean, variance = moments("statistics", 4000)[part]
    for found, distribution in zip((mean, variance), exact(part), strict=True):
        assert scipy.stats.kstest(found, distribution.cdf).pvalue > 1e-3
    # Independent of each other, as no other distribution has them.
    assert abs(scipy.stats.spearmanr(mean, variance).statistic) < 5 / np.sqrt(4000)


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_parts_and_seeds_are_independent(part):
    other = {"train": "validation", "validation": "train"}[part]
    for moment in (0, 1):
        mine, others = (moments("statistics", 4000)[name][moment] for name in (part, other))
        assert len(np.unique(mine)) == 4000
        assert abs(scipy.stats.spearmanr(mine, others).statistic) < 5 / np.sqrt(4000)
        assert abs(scipy.stats.spearmanr(mine[1:], mine[:-1]).statistic) < 5 / np.sqrt(4000)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("degrees", "divisor"), [(HELD_OUT, HELD_OUT), (HELD_OUT - 1, HELD_OUT - 1)], ids=["n degrees", "divisor n - 1"]
)
def test_other_degrees_of_freedom_would_be_noticed(degrees, divisor):
    """Negative control, on the short part, where one degree of freedom is much."""
    _, variance = moments("statistics", 4000)["validation"]
    wrong = exact("validation", degrees, divisor)[1]
    assert scipy.stats.kstest(variance, wrong.cdf).pvalue < 1e-6


# In a sweep -------------------------------------------------------------------------------------------------------

sweep = functools.partial(
    mlejax.sweep, mlejax.Normal(0.0, 1.0), observations=draws(300, "statistics"), max_epochs=200, progress=False
)


@pytest.mark.slow
def test_a_seed_has_the_same_bits_alone_and_in_a_grid():
    grid = sweep(seeds=[0, 3, 7, 8, 20], learning_rates=[0.1, 0.5])
    alone = sweep(seeds=[7], learning_rates=[0.5], devices=jax.local_devices()[:1])
    for name in ("mean", "variance"):
        assert getattr(grid.model, name)[2, 1].tobytes() == getattr(alone.model, name)[0, 0].tobytes()
    for name in QUANTITIES:
        assert getattr(grid, name)[2, 1].tobytes() == getattr(alone, name)[0, 0].tobytes(), name
    assert len(np.unique(grid.model.mean[:, 1])) == 5


@pytest.mark.slow
def test_the_results_say_so():
    def data(**given):
        result = sweep(seeds=[1], learning_rates=[0.5], **given).to_xarray()
        return result.attrs["mlejax"]["settings"]["data"]

    assert data() == "statistics of 300 draws from Normal(mean=7.2, variance=7.84), drawn directly by JAX"
    assert data(observations=draws(300)) == "300 draws from Normal(mean=7.2, variance=7.84) by JAX"


@pytest.mark.slow
def test_an_estimate_arrives_at_the_closed_form_of_the_summary():
    result = sweep(seeds=[1, 2], learning_rates=[0.5], validation_fraction=0, max_epochs=20_000)
    assert (result.distance < 1e-4).all()
    data = stack(mlejax.Draws(TARGET, 300, "statistics"), np.array([1, 2]), 0)
    assert data.validation is None
    mean, variance = read(data.train)
    np.testing.assert_allclose(result.model.mean[:, 0], mean, rtol=1e-5)
    np.testing.assert_allclose(result.model.variance[:, 0], variance, rtol=1e-4)


@pytest.mark.slow
def test_a_huge_sample_costs_no_more():
    """2^31 - 1 observations would be 16 GiB."""
    result = sweep(seeds=[0], learning_rates=[0.5], observations=draws(2**31 - 1, "statistics"), max_epochs=3000)
    assert abs(float(result.model.mean[0, 0]) - 7.2) < 6 * 2.8 / np.sqrt(0.8 * 2**31)


@pytest.mark.parametrize(
    ("model", "target"),
    [
        (mlejax.Exponential(1.0), mlejax.Exponential(1.0)),
        (mlejax.Normal(0.0, 1.0), mlejax.LogNormal(0.0, 1.0)),
        (mlejax.LogNormal(0.0, 1.0), mlejax.Normal(0.0, 1.0)),
    ],
    ids=["no draw_closed_form", "another target", "another start"],
)
def test_families_that_cannot_are_refused(model, target):
    names = f"{type(model).__name__} and {type(target).__name__}"
    with pytest.raises(ValueError, match=f"one family with draw_closed_form, such as Normal; got {names}"):
        mlejax.sweep(
            model, seeds=[0], learning_rates=[0.1], observations=mlejax.Draws(target, 50, "statistics"), progress=False
        )


@pytest.mark.parametrize(("n", "fraction"), [(3, 0.5), (2, 0.4), (5, 0.2)])
def test_parts_without_a_variance_are_refused(n, fraction):
    with pytest.raises(ValueError, match="two observations or more in each part; got"):
        sweep(seeds=[0], learning_rates=[0.1], observations=draws(n, "statistics"), validation_fraction=fraction)


@pytest.mark.slow
def test_summaries_must_not_be_switched_off():
    """Without sufficient statistics there is nothing to draw."""
    result = sweep(seeds=[0], learning_rates=[0.1])
    assert result.provenance.representation == "2 sufficient statistics found in Normal.log_prob"
    with pytest.raises(ValueError, match="summarize=False does not apply to draws by='statistics'"):
        sweep(seeds=[0], learning_rates=[0.1], summarize=False)


@pytest.mark.slow
def test_the_command(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "use_compilation_cache", lambda: None)
    monkeypatch.setattr(commands, "draw_sweep", lambda *_: [])
    given = ["--seeds", "0:2", "--learning-rates", "0.1,0.5", "--observations", "300", "--max-epochs", "20"]
    assert cli.main(["sweep", *given, "--draw", "statistics", "--out", str(tmp_path / "out")]) == 0
    capsys.readouterr()
    assert cli.main(["sweep", *given, "--out", str(tmp_path / "out")]) == 2  # drawn samples are another sweep
    assert "statistics of 300 draws" in capsys.readouterr().err
