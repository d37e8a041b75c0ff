"""The types that all packages share: frozen dataclasses without behavior beyond derived values."""

from posedeploy.types.artifacts import Artifact, Model, OnProgress, Provenance, StageCount, Stages, Weights
from posedeploy.types.networks import (
    ColorOrder,
    Embedded,
    Fit,
    InputContract,
    JointsContract,
    Limb,
    ModelSpec,
)
from posedeploy.types.results import Camera, Placed, PlacedJoints, Placement, Poses
from posedeploy.types.running import Hint, Precision, RunOptions, RuntimeInfo
from posedeploy.types.tensors import (
    TO_CHANNELS_FIRST,
    TO_CHANNELS_LAST,
    Array,
    Dimension,
    FloatDtype,
    IntegerDtype,
    Layout,
    Quantization,
    Ranges,
    Tensors,
    TensorSpec,
)

__all__ = [
    "TO_CHANNELS_FIRST",
    "TO_CHANNELS_LAST",
    "Array",
    "Artifact",
    "Camera",
    "ColorOrder",
    "Dimension",
    "Embedded",
    "Fit",
    "FloatDtype",
    "Hint",
    "InputContract",
    "IntegerDtype",
    "JointsContract",
    "Layout",
    "Limb",
    "Model",
    "ModelSpec",
    "OnProgress",
    "Placed",
    "PlacedJoints",
    "Placement",
    "Poses",
    "Precision",
    "Provenance",
    "Quantization",
    "Ranges",
    "RunOptions",
    "RuntimeInfo",
    "StageCount",
    "Stages",
    "TensorSpec",
    "Tensors",
    "Weights",
]  # fmt: skip
