"""Where the likelihood of a sample is highest, in mpmath with fifty digits: formulas and ways of their own."""

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping, Sequence

import mpmath
import numpy as np
from mpmath import mpf

DIGITS = 50
SMALL = mpf(10) ** -15
"""The step of a difference; heights have some forty digits, so that it loses none that count."""

SAME = mpf(10) ** -12
"""Nats: heights that differ by less are of one maximum, found in two ways."""

EXACT = mpf(10) ** -22
"""Of a Newton step, relative: the next one would be at the rounding."""

Numbers = list[mpf]


@dataclasses.dataclass(frozen=True, eq=False)
class Profile:
    """A log-likelihood over one coordinate, the other parameters at their best, for which there is one solution.

    So the maxima of the likelihood are those of the profile.
    """

    height: Callable[[mpf], mpf]  # nats, of a coordinate
    grid: Sequence[float]  # coordinates to look at
    below: mpf  # what the height approaches at the lower end; mpmath.ninf, mpmath.inf
    above: mpf  # likewise at the upper end
    more: Numbers = dataclasses.field(default_factory=list)  # heights of maxima beyond the grid


@dataclasses.dataclass(frozen=True)
class Highest:
    """What is known of the maxima of a likelihood."""

    maxima: tuple[float, ...]  # the heights of the regular ones, nats, the highest first
    supremum: float  # at the ends of the domain; inf where it grows without bound
    excess: float  # of the highest maximum above the supremum: told where both are one number in float64


def highest(name: str, sample: Sequence[float]) -> Highest:
    """Look for every maximum of the likelihood of a sample.

    Args:
        name: of a family, one of `PROFILES`.
        sample: (n,) observations, no two of them equal where the family is continuous.
    """
    with mpmath.workdps(DIGITS):
        profile = PROFILES[name]([mpf(float(value)) for value in sample])
        known = peaks(profile)
        known += [each for each in profile.more if all(abs(each - other) > SAME for other in known)]
        maxima = sorted(known, reverse=True)
        supremum = max(profile.below, profile.above)
        excess = maxima[0] - supremum if maxima else mpmath.ninf
        return Highest(tuple(map(float, maxima)), float(supremum), float(excess))


def peaks(profile: Profile) -> Numbers:
    """Return the heights of the maxima of a profile between the ends of its grid."""
    at = [mpf(float(value)) for value in profile.grid]
    heights = [profile.height(each) for each in at]
    tops = [i for i in range(1, len(at) - 1) if heights[i - 1] < heights[i] >= heights[i + 1]]
    return [profile.height(_top(profile.height, at[i - 1], at[i + 1])) for i in tops]


def _top(height: Callable[[mpf], mpf], low: mpf, high: mpf) -> mpf:
    """Return where a height between two coordinates, between which it rises and falls, is largest."""

    def slope(at: mpf) -> mpf:
        return height(at + SMALL) - height(at - SMALL)

    return mpmath.findroot(slope, (low, high), solver="illinois", tol=mpf(10) ** -56, maxsteps=60, verify=False)


def _wide(low: float, high: float, step: float, far: float = 0.0) -> list[float]:
    """Return even coordinates about 0, which is not among them, and, on either side, ever sparser ones up to `far`."""
    even = [*np.arange(low + step / 2, high, step)]
    if not far:
        return even
    sparse = np.geomspace(1, far / max(-low, high), 60)[1:]
    return [*(low * sparse[::-1]), *even, *(high * sparse)]


# Families of which the other parameters have a formula ----------------------------------------------------------------


def lomax(x: Numbers) -> Profile:
    """Return the profile over the logarithm of the scale; far up the distribution is exponential."""
    n, unit = len(x), mpmath.fsum(x) / len(x)

    def height(at: mpf) -> mpf:
        scale = unit * mpmath.exp(at)
        total = mpmath.fsum(mpmath.log(1 + value / scale) for value in x)
        return n * mpmath.log(n / total) - n * mpmath.log(scale) - total - n

    return Profile(height, _wide(-30, 45, 0.25), mpmath.ninf, -n * mpmath.log(unit) - n)


def generalized_pareto(x: Numbers) -> Profile:
    """Return the profile over log(1 + shape max(x) / scale); far down the upper end is at the largest observation.

    There the likelihood grows without bound, whatever the sample.
    """
    n, most = len(x), max(x)
    shares = [value / most for value in x]

    def height(at: mpf) -> mpf:
        grown = mpmath.exp(at)
        shape = mpmath.fsum(mpmath.log((1 - share) + share * grown) for share in shares) / n
        return -n * mpmath.log(shape * most / (grown - 1)) - n * shape - n

    return Profile(height, _wide(-8, 12, 0.1, far=40 * n), mpmath.inf, mpmath.ninf)


def negative_binomial(x: Numbers) -> Profile:
    """Return the profile over the logarithm of the size, in means; far up the distribution is Poisson's."""
    n, mean, logs = len(x), mpmath.fsum(x) / len(x), mpmath.fsum(mpmath.loggamma(value + 1) for value in x)
    # log Gamma(size + k) - log Gamma(size) is a sum of logarithms; of so many observations each is in it:
    times = [sum(value > step for value in x) for step in range(int(max(x)))]

    def height(at: mpf) -> mpf:
        size = mean * mpmath.exp(at)
        rising = mpmath.fsum(many * mpmath.log(size + step) for step, many in enumerate(times))
        share = mpmath.log(1 + mean / size)
        return rising - logs - n * size * share + n * mean * (mpmath.log(mean / size) - share)

    poisson = n * mean * mpmath.log(mean) - n * mean - logs
    return Profile(height, _wide(-15, 40, 0.25), mpmath.ninf, poisson)


# Families of which the other parameters are those of a concave problem ------------------------------------------------


def generalized_extreme_value(x: Numbers) -> Profile:
    """Return the profile over where the distribution ends, far down above the largest, far up below the smallest.

    For every end there is a function of x that has a Gumbel distribution, whose likelihood has one maximum. At both
    ends the likelihood grows without bound, whatever the sample.
    """
    n, least, most = len(x), min(x), max(x)
    middle = sorted(x)[n // 2]
    rates: Numbers = []

    def height(at: mpf) -> mpf:
        grown = mpmath.exp(at)
        whole = (most - middle) + (middle - least) * grown
        ratio = (grown - 1) / whole  # shape / scale, of a scale in the middle
        y = [mpmath.log(((most - value) + (value - least) * grown) / whole) / ratio for value in x]
        total = mpmath.fsum(y)
        rate = rates[-1] if rates else 1 / (max(y) - min(y))
        for _ in range(200):
            weights = [mpmath.exp(-rate * (value - min(y))) for value in y]
            all_of_them = mpmath.fsum(weights)
            mean = mpmath.fdot(weights, y) / all_of_them
            square = mpmath.fsum(weight * (value - mean) ** 2 for weight, value in zip(weights, y, strict=True))
            slope, bend = n / rate - total + n * mean, n / rate**2 + n * square / all_of_them
            step = min(max(slope / bend, -rate / 2), rate)
            rate += step
            if abs(step) < EXACT * rate:
                break
        rates.append(rate)
        normalized = mpmath.log(mpmath.fsum(mpmath.exp(-rate * (value - min(y))) for value in y) / n)
        return n * (mpmath.log(rate) + rate * min(y) - normalized - 1) - (rate + ratio) * total

    return Profile(height, _wide(-10, 10, 0.2, far=40 * n), mpmath.inf, mpmath.inf)


def burr12(x: Numbers) -> Profile:
    """Return the profile over the logarithm of shape1; far up the distribution is Weibull's, far down Pareto's.

    For every shape1, log x has a density that is a concave function of a line in it.
    """
    n = len(x)
    logs = [mpmath.log(value) for value in x]
    total = mpmath.fsum(logs)
    y = [value - total / n for value in logs]
    found: dict[mpf, tuple[mpf, mpf]] = {}

    def value_of(shape: mpf, slope: mpf, level: mpf) -> mpf:
        if slope <= 0:
            return mpmath.ninf
        lines = [slope * value + level - mpmath.log(shape) for value in y]
        bent = mpmath.fsum(_softplus(line) for line in lines)
        return n * mpmath.log(shape * slope) + mpmath.fsum(lines) - (shape + 1) * bent - total

    def height(at: mpf) -> mpf:
        shape = mpmath.exp(at)
        nearest = min(found, key=lambda other: abs(other - at), default=None)
        slope, level = (1 / (max(y) - min(y)), mpf(0)) if nearest is None else found[nearest]
        here = value_of(shape, slope, level)
        for _ in range(500):
            shares = [1 / (1 + shape * mpmath.exp(-slope * value - level)) for value in y]
            bends = [(shape + 1) * share * (1 - share) for share in shares]
            ups = [1 - (shape + 1) * share for share in shares]
            up_slope, up_level = n / slope + mpmath.fdot(ups, y), mpmath.fsum(ups)
            a = n / slope**2 + mpmath.fsum(bend * value**2 for bend, value in zip(bends, y, strict=True))
            b, c = mpmath.fdot(bends, y), mpmath.fsum(bends)
            determinant = a * c - b * b
            step_slope, step_level = (
                (c * up_slope - b * up_level) / determinant,
                (a * up_level - b * up_slope) / determinant,
            )
            length = mpf(1)
            while (there := value_of(shape, slope + length * step_slope, level + length * step_level)) < here:
                length /= 2
                if length < EXACT:
                    break
            moved = max(abs(step_slope) / slope, abs(step_level) / (1 + abs(level)))
            if there >= here:
                slope, level, here = slope + length * step_slope, level + length * step_level, there
            if moved < EXACT or length < EXACT:
                break
        found[at] = slope, level
        return here

    weibull, pareto = _weibull(y) - total, _pareto(y) - total
    # from Weibull's end down, where the problem is well behaved
    return Profile(height, _wide(-25, 30, 0.4)[::-1], weibull, pareto)


def _softplus(value: mpf) -> mpf:
    return max(value, mpf(0)) + mpmath.log(1 + mpmath.exp(-abs(value)))


def _weibull(y: Numbers) -> mpf:
    """Return the highest log-likelihood of Weibull distributions, per logarithm of the observations."""
    n = len(y)

    def slope(shape: mpf) -> mpf:
        powers = [mpmath.exp(shape * value) for value in y]
        return n / shape + mpmath.fsum(y) - n * mpmath.fdot(powers, y) / mpmath.fsum(powers)

    least = 1 / (max(y) - min(y))
    low, high = least / 100, least
    while slope(high) > 0:
        high *= 2
    shape = mpmath.findroot(slope, (low, high), solver="illinois", tol=mpf(10) ** -60, maxsteps=200, verify=False)
    mean = mpmath.fsum(mpmath.exp(shape * value) for value in y) / n
    return n * mpmath.log(shape) + shape * mpmath.fsum(y) - n * mpmath.log(mean) - n


def _pareto(y: Numbers) -> mpf:
    n, spread = len(y), mpmath.fsum(y) - len(y) * min(y)
    return n * mpmath.log(n / spread) - n


# Student's t: one maximum for each of at least one degree of freedom, several for fewer -------------------------------


def student_t(x: Numbers) -> Profile:
    """Return the profile over the logarithm of the degrees of freedom, from 1; far up the distribution is normal.

    Where a scale shrinks to nothing about an observation, at very few degrees of freedom, the likelihood grows without
    bound, whatever the sample: that is not counted. Of few degrees of freedom maxima are looked for on a grid.

    Source: J. T. Kent and D. E. Tyler, Redescending M-estimates of multivariate location and scatter, Annals of
    Statistics 19 (1991), for the one maximum.
    """
    n, mean = len(x), mpmath.fsum(x) / len(x)
    variance = mpmath.fsum((value - mean) ** 2 for value in x) / n
    found: list[tuple[mpf, mpf]] = []

    def height(at: mpf) -> mpf:
        freedom = mpmath.exp(at)
        location, squared = found[-1] if found else (mean, variance)
        for _ in range(2000):
            weights = [(freedom + 1) / (freedom + (value - location) ** 2 / squared) for value in x]
            following = mpmath.fdot(weights, x) / mpmath.fsum(weights)
            # With the mean weight as divisor: of the same fixed points, and faster.
            spread = mpmath.fsum(weight * (value - following) ** 2 for weight, value in zip(weights, x, strict=True))
            spread /= mpmath.fsum(weights)
            moved = max(abs(following - location) / mpmath.sqrt(squared), abs(spread - squared) / squared)
            location, squared = following, spread
            if moved < EXACT:
                break
        found.append((location, squared))
        return _t_height(x, location, mpmath.log(squared) / 2, at)

    normal = -mpf(n) / 2 * (mpmath.log(2 * mpmath.pi * variance) + 1)
    return Profile(height, _wide(0, 40, 0.25)[::-1], normal, mpmath.ninf, _of_few_degrees(x))


def _t_height(x: Numbers, location: mpf, log_scale: mpf, log_freedom: mpf) -> mpf:
    freedom, squared = mpmath.exp(log_freedom), mpmath.exp(2 * log_scale)
    constant = mpmath.loggamma((freedom + 1) / 2) - mpmath.loggamma(freedom / 2) - mpmath.log(mpmath.pi * freedom) / 2
    bent = mpmath.fsum(mpmath.log(1 + (value - location) ** 2 / (squared * freedom)) for value in x)
    return len(x) * (constant - log_scale) - (freedom + 1) / 2 * bent


SEVERAL = 1.0
"""The logarithm of degrees of freedom up to which maxima are looked for on a grid; the profile tells from 0 on."""

BETWEEN = np.array([0.0, 0.003, 0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97, 0.99, 0.997])
"""Where, between two observations beside each other, a location is looked for."""


def _of_few_degrees(x: Numbers) -> Numbers:
    """Return the heights of the maxima of few degrees of freedom, found on a grid in float64, decided in mpmath."""
    import scipy.special

    n = len(x)
    values = np.sort(np.array(x, float))
    at = np.concatenate([(values[:-1, None] + np.diff(values)[:, None] * BETWEEN).ravel(), values[-1:]])
    squares = (values - at[:, None]) ** 2
    logs = np.arange(math.log(0.5 / n), SEVERAL + 0.5, 0.1)
    heights, scales = [], []
    for freedom in np.exp(logs):
        low, high = np.full(len(at), -80.0) + math.log(np.ptp(values)), np.full(len(at), 3.0) + math.log(np.ptp(values))
        for _ in range(60):
            middle = (low + high) / 2
            with np.errstate(over="ignore"):
                ratios = squares / (squares + freedom * np.exp(2 * middle)[:, None])
            up = (freedom + 1) * ratios.sum(axis=1) > n  # the scale is too small
            low, high = np.where(up, middle, low), np.where(up, high, middle)
        scale = (low + high) / 2
        bent = np.log1p(squares / (freedom * np.exp(2 * scale)[:, None])).sum(axis=1)
        constant = scipy.special.gammaln((freedom + 1) / 2) - scipy.special.gammaln(freedom / 2)
        heights.append(n * (constant - math.log(math.pi * freedom) / 2 - scale) - (freedom + 1) / 2 * bent)
        scales.append(scale)
    surface = np.array(heights)
    inner = surface[1:-1, 1:-1]
    shifts = [pair for pair in itertools.product((0, 1, 2), repeat=2) if pair != (1, 1)]
    rows, columns = inner.shape
    top = np.logical_and.reduce([inner >= surface[i : i + rows, j : j + columns] for i, j in shifts])
    found: Numbers = []
    for i, j in np.argwhere(top) + 1:
        peak = _t_maximum(x, mpf(float(at[j])), mpf(float(scales[i][j])), mpf(float(logs[i])))
        if peak is not None and all(abs(peak - other) > SAME for other in found):
            found.append(peak)
    return found


def _t_maximum(x: Numbers, *near: mpf) -> mpf | None:
    """Return the height of a maximum of Student's t near some parameters; None where there is none."""
    units = [tuple(int(i == j) for j in range(3)) for i in range(3)]

    def derivative(*orders: int) -> Callable[..., mpf]:
        return lambda *theta: mpmath.diff(lambda *v: _t_height(x, *v), theta, orders)

    try:
        theta = mpmath.findroot([derivative(*orders) for orders in units], near, tol=mpf(10) ** -30, maxsteps=30)
    except (ValueError, ZeroDivisionError):
        return None
    # Of more degrees the profile tells.
    if theta[2] >= SEVERAL or abs(theta[2] - near[2]) > 0.5 or abs(theta[1] - near[1]) > 1:
        return None
    bends = [[derivative(*map(sum, zip(a, b, strict=True)))(*theta) for a in units] for b in units]
    if max(mpmath.eigsy(mpmath.matrix(bends), eigvals_only=True)) >= 0:
        return None
    return _t_height(x, *theta)


PROFILES: Mapping[str, Callable[[Numbers], Profile]] = {
    "lomax": lomax,
    "generalized_pareto": generalized_pareto,
    "negative_binomial": negative_binomial,
    "generalized_extreme_value": generalized_extreme_value,
    "burr12": burr12,
    "student_t": student_t,
}
"""The families that decline samples."""
