"""Inputs of one model in the form of another model of the same network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from posedeploy.benchmarks.inputs import NetworkInput
from posedeploy.errors import InputError
from posedeploy.tensor_tables import infer_image_layout
from posedeploy.types import TO_CHANNELS_FIRST, TO_CHANNELS_LAST, Array, ModelSpec, TensorSpec


def convert_input(
    network_input: NetworkInput, candidate: ModelSpec, reference: ModelSpec, hint: str
) -> NetworkInput:
    """Return an input of the candidate with the names and layouts of the reference.

    Args:
        hint: how to describe the models, for the end of messages.

    Raises:
        InputError: the inputs differ in more than that.
    """
    pairs = _match_inputs(candidate.inputs, reference.inputs)
    tensors = {other.name: _transposed(network_input.tensors[own.name], own, other) for own, other in pairs}
    if any(not other.accepts(tensors[other.name].shape) or own.dtype != other.dtype for own, other in pairs):
        raise InputError(
            f"the inputs {', '.join(map(str, candidate.inputs))} of the model do not fit the inputs "
            f"{', '.join(map(str, reference.inputs))} of the reference; {hint}"
        )
    return replace(network_input, tensors=tensors)


def _match_inputs(
    candidate: tuple[TensorSpec, ...], reference: tuple[TensorSpec, ...]
) -> list[tuple[TensorSpec, TensorSpec]]:
    """Return the inputs by name or, if each file has only one, that one."""
    if len(candidate) == len(reference) == 1:
        return [(candidate[0], reference[0])]
    others = {tensor.name: tensor for tensor in reference}
    if others.keys() != {tensor.name for tensor in candidate}:
        raise InputError(
            f"the inputs of the model are {', '.join(map(str, candidate))}, and those of the reference "
            f"{', '.join(map(str, reference))}; compare models whose inputs have the same names"
        )
    return [(tensor, others[tensor.name]) for tensor in candidate]


def _transposed(array: Array, own: TensorSpec, other: TensorSpec) -> Array:
    layouts = [tensor.layout or infer_image_layout(tensor.shape) for tensor in (own, other)]
    if layouts[0] == layouts[1] or None in layouts:
        return array
    axes = TO_CHANNELS_FIRST if layouts[1] == "NCHW" else TO_CHANNELS_LAST
    return np.ascontiguousarray(array.transpose(axes))
