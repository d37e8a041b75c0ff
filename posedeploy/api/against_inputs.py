"""The inputs on which two artifacts of one network are compared."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from posedeploy.api.converted_inputs import convert_input
from posedeploy.api.parity_inputs import MAX_BATCH, InputPairs, build_parity_inputs
from posedeploy.api.parity_options import ParityOptions
from posedeploy.benchmarks.input_shapes import with_common_batch
from posedeploy.benchmarks.inputs import build_noise_inputs
from posedeploy.benchmarks.runner_comparison import PairedInputs
from posedeploy.contract_document import UNKNOWN
from posedeploy.errors import InputError
from posedeploy.types import (
    Artifact,
    Calibration,
    Dimension,
    ModelSpec,
    Ranges,
    TensorSpec,
)

logger = logging.getLogger(__name__)
HINT = "describe the files with `contract` and `against_contract`"


def describe_like(artifact: Artifact, other: Artifact) -> Artifact:
    """Return a third-party model with the description of another file of its network, if it has none.

    The description is the family, the keypoints, and the preprocessing without embedded steps.
    """
    if artifact.provenance is not None or artifact.spec.family != UNKNOWN or artifact.spec.outputs:
        return artifact
    if other.spec.family == UNKNOWN and other.spec.contract is None:
        return artifact
    logger.info(f"{artifact.path}: no manifest and no contract; the description of {other.path} is used")
    contract = other.spec.contract and replace(other.spec.contract, embedded=())
    spec = replace(other.spec, inputs=(), outputs=(), roles={}, contract=contract)
    return replace(artifact, spec=spec)


def build_against_inputs(
    reference: ModelSpec,
    candidate: ModelSpec,
    settings: ParityOptions,
    ranges: Ranges,
    calibrations: Sequence[Calibration],
) -> PairedInputs:
    """Return the inputs in the forms of both files: images, joints of people, or noise without either.

    Raises:
        InputError: the inputs of the files do not fit each other, or images cannot be used.
    """
    if candidate.contract is not None and reference.contract is not None:
        for other in calibrations[1:] if settings.images else ():
            build_parity_inputs(reference, candidate, settings.images, ranges, other, frames=settings.frames)
        candidate = replace(candidate, inputs=(_common_size(reference.inputs[0], candidate.inputs[0]),))
        first = calibrations[0] if calibrations else None
        inputs = build_parity_inputs(
            reference, candidate, settings.images, ranges, first, frames=settings.frames
        )
        return inputs.pairs
    if settings.images:
        build_parity_inputs(candidate, replace(candidate, contract=None), settings.images, ranges)
    if candidate.joints is not None and reference.joints is not None:
        people = build_parity_inputs(candidate, candidate, (), ranges).pairs.generated
        undescribed = [each for each, _ in people]
    else:
        undescribed = build_noise_inputs(with_common_batch(candidate, reference), MAX_BATCH, ranges)
    return InputPairs(tuple((convert_input(each, candidate, reference, HINT), each) for each in undescribed))


def _common_size(reference: TensorSpec, candidate: TensorSpec) -> TensorSpec:
    """Return the candidate's input with the lengths that are fixed in the reference.

    Raises:
        InputError: their fixed sizes or batches differ.
    """
    own = (candidate.shape[0], *candidate.image_size)
    lengths = [
        _common_length(a, b) for a, b in zip((reference.shape[0], *reference.image_size), own, strict=True)
    ]
    if None in lengths:
        raise InputError(
            f"the input of the reference is {reference}, and that of the model {candidate}; pass two files "
            "with the same batch and size"
        )
    batch, height, width = (length for length in lengths if length is not None)
    shape = (batch, height, width, 3) if candidate.layout == "NHWC" else (batch, 3, height, width)
    return replace(candidate, shape=shape)


def _common_length(a: Dimension, b: Dimension) -> Dimension | None:
    if isinstance(a, str) or isinstance(b, str):
        return b if isinstance(a, str) else a
    return a if a == b else None
