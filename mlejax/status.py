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
        "model's support, so nothing was estimated. Choose a family, a start or a sample that agree.",
    )

    def __new__(cls, value: int, advice: str) -> "Status":
        member = int.__new__(cls, value)
        member._value_ = value
        member.advice = advice
        return member
