"""What a model must have."""

import pytest

from mlejax import (
    Model,
)


def test_a_model_without_log_prob_is_abstract():
    class Empty(Model):
        a: float

    with pytest.raises(TypeError, match="abstract"):
        Empty(1.0)
