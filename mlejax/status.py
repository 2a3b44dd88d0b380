"""The fates of a run. Each member carries a sentence of advice for the person who reads it."""

import enum


class Status(enum.IntEnum):
    """Why a run ended. It does not say whether the run arrived: `distance` does."""

    advice: str

    RUNNING = 0, "The run has not ended yet."
    PATIENCE = (
        1,
        "The validation log-likelihood did not improve for `patience` epochs; look at `distance` to see whether "
        "the run had arrived.",
    )
    TOLERANCE = (
        2,
        "The validation log-likelihood changed by less than `tolerance`; look at `distance` to see whether the run "
        "had arrived.",
    )
    MAX_EPOCHS = (
        3,
        "The epochs ran out; if `distance` is large, allow more epochs or choose another learning rate.",
    )
    PRECISION = (
        4,
        "Further steps fall below floating-point resolution: they change the log-likelihood by less than its own "
        "rounding does. Of a float32 run, use float64 to go further; of a float64 run, `distance` says whether there "
        "is further to go, and a larger learning rate takes it there.",
    )
    DIVERGED = (
        5,
        "A step left the domain of the parameters or was not finite; the last finite parameters were kept. Use a "
        "smaller learning rate.",
    )
    OUTSIDE_SUPPORT = (
        6,
        "The sample holds an observation to which the start gives no finite log-density, most often one outside the "
        "model's support, or too few of them to hold some out, so nothing was estimated. Choose a family, a start or a "
        "sample that agree.",
    )
    CONVERGED = 7, "The estimate is a maximum of the log-likelihood, looked at from further away too."
    MAX_STEPS = (
        8,
        "The steps ran out short of a maximum. Start nearer the data, or from several places with `starts`.",
    )
    UNBOUNDED = (
        9,
        "The log-likelihood grows without bound, so there is no highest one. Choose a model that rules this out.",
    )
    AT_BOUNDARY = (
        10,
        "The log-likelihood is highest where a parameter reaches the end of its domain, or an observation that of the "
        "support, and standard errors hold only inside. A simpler model may describe the data.",
    )
    AT_INFINITY = (
        11,
        "The log-likelihood keeps rising as a parameter grows, so there is no maximum; the simpler model that is the "
        "limit may describe the data.",
    )
    NOT_IDENTIFIED = (
        12,
        "Different parameters give the same log-likelihood, so these data cannot tell them apart. Fix one of them, or "
        "choose a model with fewer.",
    )

    def __new__(cls, value: int, advice: str) -> "Status":
        member = int.__new__(cls, value)
        member._value_ = value
        member.advice = advice
        return member


OF_TRAINING = tuple(status for status in Status if status <= Status.OUTSIDE_SUPPORT)
"""The fates that a training run may have; the others are those of a fit."""
