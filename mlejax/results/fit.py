"""The result of a fit: the maximum likelihood estimate, its uncertainty, and whether it is a maximum."""

import dataclasses
import html
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic

import numpy as np
from jaxtyping import ArrayLike, Float

from .. import checks
from ..checks import InputValueError, shown
from ..models.base import M, name_of
from ..models.parameters import Parameters, entry_dict
from ..models.rows import Rows
from ..models.wrappers import fixed_parameters
from ..status import Status
from .bootstrap import METHODS, Bootstrap
from .estimate import Estimate

Interval = tuple[float, float]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class FitResult(Generic[M]):
    """A maximum likelihood estimate and what is known of it. Numbers are NumPy float64; `print` shows a table."""

    model: M  # the estimate; where there is no maximum, the highest parameters that were reached
    start: M
    status: Status  # CONVERGED, or why there is no maximum
    reason: str  # in words: why it is not converged, and how many starts agreed
    notes: tuple[str, ...]  # what should be known of a maximum, such as a parameter that is not limited from above
    log_likelihood: float  # a sum in nats, at the estimate
    distance: float  # standard errors from the top of the local parabola
    count: float | int  # observations, or the sum of their weights
    steps: int  # Newton steps that were tried
    starts: int
    agreed: int  # starts that led to the same height
    own_covariance: Float[np.ndarray, "p p"]  # by the curvature at the estimate, in the units of `ground`
    observations: Rows  # n that count
    weights: Float[np.ndarray, " n"] | None
    representation: str  # how the sample was represented, and why
    ground: Any  # the log-likelihood that was climbed, and its units
    end: Any  # where the climb ended on it; None of a family that knows its maximum

    @property
    def converged(self) -> bool:
        """Whether the estimate is a maximum, and stays one when looked at from further away."""
        return self.status is Status.CONVERGED

    @property
    def parameters(self) -> Mapping[str, float]:
        """The estimate by name, the numbers of an array one by one: `mean`, `coefficients[age]`."""
        return entry_dict(self.model)

    @property
    def parameter_count(self) -> int:
        """How many numbers were estimated: of k shares that add up to 1, k - 1."""
        return Parameters.of(self.model).real_size

    def covariance(self, kind: str = "observed") -> Float[np.ndarray, "p p"]:
        """Return the covariance of the estimate, in the order of `parameters`; NaN unless converged.

        Args:
            kind: `observed`, the inverse of the observed information; or `sandwich`, which holds when the family is
                wrong: this inverse, times the sum of the outer products of every observation's score, times it again.

        Returns:
            A matrix (p, p), in products of the parameters' units. Singular where numbers are bound to each other, as
            those are that add up to 1.

        Raises:
            ValueError: there is no such kind.

        Reference: H. White, Maximum likelihood estimation of misspecified models, Econometrica 50 (1982) 1-25.
        """
        found = self._own_covariance(kind)
        return self.ground.covariance_in_data(found) if self.converged else found

    def _own_covariance(self, kind: str) -> Float[np.ndarray, "p p"]:
        """Return `covariance(kind)` in the units of `ground`."""
        if kind not in ("observed", "sandwich"):
            raise InputValueError(f"kind must be observed or sandwich; got {shown(kind)}")
        if not self.converged:
            return np.full_like(self.own_covariance, np.nan)
        if kind == "observed":
            return self.own_covariance
        self._require_smooth("a sandwich covariance")
        from ..ascent.intervals import score_products

        return self.own_covariance @ score_products(self) @ self.own_covariance

    def estimate_of(self, function: Callable[[M], ArrayLike], kind: str = "observed") -> Estimate:
        """Return the estimate of anything that follows from the parameters, by the delta method.

        The variance of f(estimate) is g' C g, with the slopes g of f by the parameters and their covariance C.

        Args:
            function: of the model: a real number, or an array of them, computed with `jax.numpy`.
            kind: of the covariance, `observed` or `sandwich`; see `covariance`.

        Returns:
            An `Estimate`: `value`, in the units of what the function returns, `standard_error` in the same, and
            `confidence_interval(level)`. NaN errors unless converged.

        Raises:
            TypeError: the function returns something else.
            ValueError: there is no such kind.

        Reference: G. Casella and R. Berger, Statistical Inference (2002), section 5.5.4.

        Example:
            >>> import mlejax
            >>> result = mlejax.fit(mlejax.Exponential, [0.5, 1.5, 4.0], progress=False)
            >>> print(result.estimate_of(lambda model: 1 / model.rate))  # the mean, 2, and 2 / sqrt(3)
            2.000000 +- 1.154701
        """
        from ..ascent.intervals import estimate_of

        return estimate_of(self, function, self._own_covariance(kind))

    @property
    def standard_errors(self) -> M:
        """The square roots of the diagonal of `covariance()`, as a model; NaN unless converged."""
        own = self.own_covariance if self.converged else np.full_like(self.own_covariance, np.nan)
        return self.ground.table.to_model(self.ground.errors_in_data(own))

    def confidence_intervals(self, level: float | int = 0.95, method: str = "wald") -> dict[str, Interval]:
        """Return an interval for every parameter that holds the true one in a share `level` of large samples.

        Args:
            level: between 0 and 1.
            method: `wald`, the estimate and so many standard errors to both sides; or `profile`, where the
                log-likelihood, highest over the other parameters, has fallen by half a quantile of chi-squared.

        Returns:
            Pairs of ends by name, in the units of the parameters; NaN unless converged. An end of a profile that never
            falls so far is the end of the domain. NaN for a profile of a number that cannot be held by itself, since
            others are bound to it: one of a simplex, of numbers in order, or of a covariance.

        Raises:
            ValueError: the level or the method is not as described, or no number can be held by itself.

        Example:
            >>> import mlejax
            >>> result = mlejax.fit(mlejax.Exponential, [0.5, 1.5, 4.0], progress=False)
            >>> result.confidence_intervals(0.9, method="profile")["rate"]
            (0.162..., 1.135...)
        """
        checks.level(level)
        if method not in ("wald", "profile"):
            resampled = ": those from resamples are of result.bootstrap()" if method in METHODS else ""
            raise InputValueError(f"method must be wald or profile; got {shown(method)}{resampled}")
        estimates, errors = self.parameters, entry_dict(self.standard_errors)
        if method == "profile" and self.converged:
            self._require_smooth("profile intervals")
            from ..ascent.intervals import profile_intervals

            return profile_intervals(self, level)
        half = _normal_quantile((1 + level) / 2)
        return {
            name: (float(value - half * errors[name]), float(value + half * errors[name]))
            for name, value in estimates.items()
        }

    def bootstrap(self, count: int = 1000, *, seed: int = 0, progress: bool = True) -> Bootstrap[M]:
        """Fit resamples of the observations: what the estimate would be, were they drawn again.

        Args:
            count: how many resamples, each of as many observations as there are, drawn with replacement.
            seed: of the draws.
            progress: show a progress bar on standard error when it takes more than a second.

        Returns:
            A `Bootstrap`, with standard errors, bias, and intervals `percentile`, `basic` and `bca`.

        Raises:
            ValueError: the fit has not converged, or its observations have weights.

        Reference: B. Efron and R. Tibshirani, An Introduction to the Bootstrap (1993), chapters 6, 13 and 14.
        """
        from ..sweeps.bootstrap import bootstrap

        return bootstrap(self, count, seed, progress)

    def _require_smooth(self, what: str) -> None:
        if self.end is None:
            raise InputValueError(f"{name_of(self.model)} has no {what}: {self.reason}")

    @property
    def aic(self) -> float:
        """Akaike's criterion, 2 p - 2 log-likelihood; NaN unless converged."""
        return 2 * self.parameter_count - 2 * self.log_likelihood if self.converged else math.nan

    @property
    def aicc(self) -> float:
        """Akaike's criterion with the correction for few observations; NaN where there are no more than p + 1."""
        p, spare = self.parameter_count, self.count - self.parameter_count - 1
        return self.aic + 2 * p * (p + 1) / spare if spare > 0 else math.nan

    @property
    def bic(self) -> float:
        """Schwarz's criterion, p log(n) - 2 log-likelihood; NaN unless converged."""
        return self.aic + self.parameter_count * (math.log(self.count) - 2)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values, a row of a table: parameters, `standard_error.NAME`, and the rest.

        Example:
            >>> import mlejax, pandas
            >>> result = mlejax.fit(mlejax.Exponential, [0.5, 1.5, 4.0], progress=False)
            >>> pandas.DataFrame([result.to_dict()])[["rate", "standard_error.rate", "status"]]
               rate  standard_error.rate     status
            0   0.5             0.288675  CONVERGED
        """
        errors = entry_dict(self.standard_errors)
        numbers = ("log_likelihood", "aic", "aicc", "bic", "distance")
        return {
            "model": name_of(self.model),
            **{name: float(value) for name, value in self.parameters.items()},
            **{f"standard_error.{name}": float(error) for name, error in errors.items()},
            **{name: float(getattr(self, name)) for name in numbers},
            "count": self.count,
            "converged": self.converged,
            "status": self.status.name,
            "steps": self.steps,
            "reason": self.reason,
        }

    def to_json(self) -> str:
        """Return the result as JSON, null where a number would mislead."""
        from .record import fit_record, json_pieces

        return "".join(json_pieces(fit_record(self)))

    def __str__(self) -> str:
        return _report(self)

    def _repr_html_(self) -> str:
        return _html(self)

    def __repr__(self) -> str:
        estimate = ", ".join(f"{name}={float(value):.6g}" for name, value in self.parameters.items())
        return f"<FitResult {name_of(self.model)}({estimate}), {self.status.name}, distance {self.distance:.2g}>"


def _normal_quantile(probability: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(probability))


# As text --------------------------------------------------------------------------------------------------------------

HEADER = ("parameter", "estimate", "standard error", "95 % interval")


def _rows(result: FitResult[Any]) -> list[list[str]]:
    """Return the rows of the table; a dash stands for a number that would mislead."""
    from .text import number

    errors, intervals = entry_dict(result.standard_errors), result.confidence_intervals()
    # Where there is no bound, what was reached by then says nothing.
    reached = dict.fromkeys(errors, math.nan) if result.status is Status.UNBOUNDED else result.parameters
    estimated = [
        [name, number(reached[name]), number(errors[name]), _between(*intervals[name])]
        for name in Parameters.of(result.model).shown
    ]
    return [
        *estimated,
        *([name, number(value), "fixed", "-"] for name, value in fixed_parameters(result.model).items()),
    ]


def _between(low: float, high: float) -> str:
    from .text import number

    return "-" if math.isnan(low) else f"{number(low)} to {number(high)}"


def _facts(result: FitResult[Any]) -> dict[str, str]:
    """Return what is known besides the parameters, by name."""
    weighted = "" if result.weights is None else ", by weight"
    facts = {"log-likelihood": f"{result.log_likelihood:z.4f} over {result.count:,.10g} observations{weighted}"}
    if result.converged:
        facts |= {"AIC": f"{result.aic:.4f}", "BIC": f"{result.bic:.4f}"}
        steps = f"{result.steps} step{'s' * (result.steps != 1)}"
        facts["converged"] = f"yes, in {steps}" + (f"; {result.reason}" if result.reason else "")
        facts |= {"note": "; ".join(result.notes)} if result.notes else {}
    else:
        facts["converged"] = f"no: {result.reason}"
        stopped = result.status is Status.PRECISION
        facts["advice"] = (Status.MAX_STEPS if stopped else result.status).advice.split(". ", stopped)[-1]
    return facts | {"data": result.representation}


def _report(result: FitResult[Any]) -> str:
    """Return a fit as a table and lines of facts."""
    from .text import table

    facts = _facts(result)
    width = max(map(len, facts))
    lines = [f"{name.ljust(width)}  {text}" for name, text in facts.items()]
    return "\n".join([name_of(result.model), "", table(_rows(result), header=HEADER), "", *lines])


def _html(result: FitResult[Any]) -> str:
    """Return the same for a notebook."""

    def row(cells: Sequence[str], tag: str = "td") -> str:
        first, *others = (f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells)
        return f"<tr>{first}{''.join(others)}</tr>"

    rows = "".join([row(HEADER, "th"), *map(row, _rows(result))])
    facts = "".join(row(fact) for fact in _facts(result).items())
    return f"<p><b>{html.escape(name_of(result.model))}</b></p><table>{rows}</table><table>{facts}</table>"
