"""Inputs of a candidate that undo its mistake in preprocessing.

Low precision can hide what a mistake does: an INT8 file that normalizes twice rounds nearly all of its values
to one number, which PyTorch with the same mistake does not. If the candidate gives the outputs of the
reference once its input undoes the mistake, the candidate has that mistake, in any precision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from posedeploy.benchmarks.contract_mistakes import (
    change_values,
    find_input_form,
    have_same_scale,
    have_same_values,
    list_contract_changes,
    normalize_by,
    order_as_input,
    renormalize,
    takes_scaled_values,
)
from posedeploy.benchmarks.inputs import NetworkInput
from posedeploy.benchmarks.known_mistakes import (
    change_arrays,
    describe_shift,
    list_joint_changes,
    shift_array,
)
from posedeploy.benchmarks.output_mistakes import SHIFTS
from posedeploy.benchmarks.stage_parity import StageName
from posedeploy.types import Array, ModelSpec

ChangeArray = Callable[[Array], Array]


@dataclass(frozen=True)
class UndoneMistake:
    """The change of an input that undoes a mistake.

    name: of the mistake; completes "as if". is_complete: whether the whole input is undone; a shift has lost
    the pixels at the border.
    """

    name: str
    undo: ChangeArray
    is_complete: bool = True
    stage: StageName = "preprocessing"

    def apply(self, network_input: NetworkInput, spec: ModelSpec) -> NetworkInput:
        """Return the input of the candidate that undoes the mistake; ``spec`` is the candidate's."""
        return change_arrays(self.undo, network_input, spec)


def list_undone_mistakes(spec: ModelSpec) -> Iterator[UndoneMistake]:
    """Yield the mistakes that a changed input undoes: in the colors, the normalization, the layout and the
    position of images, and in 2D joints.

    Args:
        spec: of the candidate. If its contract embeds the normalization, its inputs are pixels.
    """
    contract, tensor = spec.contract, spec.inputs[0]
    if spec.joints is not None:
        yield from (UndoneMistake(name, undo) for name, undo in list_joint_changes(spec).items())
    if contract is None or len(tensor.shape) != 4:
        return
    is_float, form = takes_scaled_values(spec), find_input_form(contract)
    if is_float and "normalization" not in contract.embedded:
        pixels = normalize_by(contract, mean=0.0, std=1.0)
        undo = partial(renormalize, order_as_input(contract), order_as_input(pixels))
        yield UndoneMistake("the image were normalized twice", undo)
    for name, change in list_contract_changes(contract).items():
        changed = change(contract)
        if not have_same_values(changed, contract) and (is_float or have_same_scale(changed, contract)):
            yield UndoneMistake(name, partial(change_values, changed, contract, form))
    yield UndoneMistake("the image were mirrored", lambda array: array[..., ::-1])
    yield UndoneMistake("a channels-last image were read as channels first", _undo_channels_last)
    yield UndoneMistake("height and width of the image were exchanged", _undo_exchange)
    for right, down in SHIFTS:
        undo = partial(shift_array, right=-right, down=-down, fill="wrap")
        yield UndoneMistake(describe_shift(right, down), undo, is_complete=False)


def _undo_channels_last(array: Array) -> Array:
    count, channels, height, width = array.shape
    return array.reshape(count, height, width, channels).transpose(0, 3, 1, 2)


def _undo_exchange(array: Array) -> Array:
    count, channels, height, width = array.shape
    return array.reshape(count, channels, width, height).transpose(0, 1, 3, 2)
