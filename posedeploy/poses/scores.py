"""The activation of scores that a network returns as logits."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from posedeploy.types import Array

Activation: TypeAlias = Literal["none", "sigmoid"]


def activate(values: Array, activation: Activation) -> Array:
    """Return the scores in float64."""
    scores: Array = values.astype(np.float64)
    if activation == "none":
        return scores
    with np.errstate(over="ignore"):
        sigmoid: Array = 1 / (1 + np.exp(-scores))
    return sigmoid
