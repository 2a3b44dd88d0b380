"""The matrix of a regression, and coefficients of least squares; of one sample, or of several that are stacked."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from .moments import SMALLEST, Weights

Matrix = Float[np.ndarray, "*samples n p"]
Vector = Float[np.ndarray, "*samples n"]
Coefficients = Float[np.ndarray, "*samples p"]

SINGULAR = 1e-12
"""Added to the diagonal of products of columns, beside their sum: what a sample does not tell apart is left at zero."""


def least_squares(design: Matrix, response: Vector, weights: Weights) -> Coefficients:
    """Return the coefficients of least squares, the shortest where columns are collinear, whatever their units.

    Of several samples that are stacked, without weights, by the products of columns that are well told apart.
    """
    if design.ndim > 2:
        across = np.swapaxes(design, -1, -2)
        products = across @ design
        least = SINGULAR * np.trace(products, axis1=-2, axis2=-1)[..., None, None] + SMALLEST
        return np.linalg.solve(products + least * np.eye(design.shape[-1]), across @ response[..., None])[..., 0]
    sizes = np.max(np.abs(design), axis=0, initial=0.0)
    sizes = np.where(sizes > 0, sizes, 1.0)
    roots = np.ones(len(design)) if weights is None else np.sqrt(weights)
    scaled = design / sizes[None] * roots[:, None]
    return np.linalg.lstsq(scaled, response * roots, rcond=None)[0] / sizes


def predicted(design: Matrix, coefficients: Coefficients) -> Vector:
    """Return the linear predictors of a sample, or of several that are stacked, without an offset."""
    return (design @ coefficients[..., None])[..., 0]


def design_matrix(observations: Mapping[str, Any], columns: Sequence[str], intercept: bool, response: str) -> Matrix:
    """Return the features of a sample, or of several that are stacked, as a matrix.

    Args:
        observations: with `features` (..., n, d), or (..., n) of one, or the named columns.
        columns: their names.
        intercept: whether there is a column of ones in front.
        response: the name of the response, which has one number for each observation.
    """
    if "features" in observations:
        features = np.asarray(observations["features"], np.float64)
        features = features[..., None] if features.ndim == np.ndim(observations[response]) else features
    elif columns:
        features = np.stack([np.asarray(observations[name], np.float64) for name in columns], axis=-1)
    else:
        features = np.zeros((*np.shape(observations[response]), 0))
    ones = np.ones((*features.shape[:-1], 1))
    return np.concatenate([ones, features], axis=-1) if intercept else features
