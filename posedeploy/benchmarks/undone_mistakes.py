"""Inputs of a candidate that undo its mistake in preprocessing.

Low precision can hide what a mistake does: an INT8 file that normalizes twice rounds nearly all of its values
to one number, which PyTorch with the same mistake does not. If the candidate gives the outputs of the
reference once its input undoes the mistake, the candidate has that mistake, in any precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from posedeploy.benchmarks.array_differences import max_absolute
from posedeploy.benchmarks.diagnosis import EXPLAINED, Cause, DifferingRun, measure_distance
from posedeploy.benchmarks.inputs import NetworkInput
from posedeploy.benchmarks.known_mistakes import change_arrays, list_contract_changes, renormalize
from posedeploy.runtimes.base import Runner
from posedeploy.types import Array, InputContract, ModelSpec

ChangeArray = Callable[[Array], Array]
TIE = 0.01
"""The explained shares of two mistakes that differ by less do not tell which one it is."""


@dataclass(frozen=True)
class UndoneMistake:
    """The change of an input that undoes a mistake. name: of the mistake; completes "as if"."""

    name: str
    undo: ChangeArray

    def apply(self, network_input: NetworkInput, spec: ModelSpec) -> NetworkInput:
        """Return the input of the candidate that undoes the mistake; ``spec`` is the candidate's."""
        return change_arrays(self.undo, network_input, spec)


def list_undone_mistakes(spec: ModelSpec) -> Iterator[UndoneMistake]:
    """Yield the mistakes in colors, normalization and layout that a changed input of a network on images
    undoes.

    Args:
        spec: of the candidate. If its contract embeds the normalization, its inputs are pixels.
    """
    contract, tensor = spec.contract, spec.inputs[0]
    if contract is None or len(tensor.shape) != 4:
        return
    is_float = np.issubdtype(np.dtype(tensor.dtype), np.floating)
    is_embedded = "normalization" in contract.embedded
    pixels = replace(contract, mean=(0.0,) * 3, std=(1.0,) * 3)
    form = pixels if is_embedded else contract
    if "color" in contract.embedded:
        form = replace(form, color_order="BGR")
    if is_float and not is_embedded:
        yield UndoneMistake("the image were normalized twice", partial(renormalize, contract, pixels))
    for name, change in list_contract_changes(contract).items():
        changed = change(contract)
        if not _have_same_values(changed, contract) and (is_float or _have_same_scale(changed, contract)):
            yield UndoneMistake(name, partial(_undo_contract, contract, changed, form))
    yield UndoneMistake("the image were mirrored", lambda array: array[..., ::-1])
    yield UndoneMistake("a channels-last image were read as channels first", _undo_channels_last)
    yield UndoneMistake("height and width of the image were exchanged", _undo_exchange)


def find_undone_mistake(
    candidate: Runner, spec: ModelSpec, runs: Sequence[DifferingRun]
) -> tuple[UndoneMistake, Cause] | None:
    """Return the mistake that explains the difference on all inputs best if they undo it.

    None if none explains enough. Of mistakes that explain nearly the same, the first one in the list is
    returned.

    Args:
        candidate: takes the inputs of ``runs``. spec: its description. runs: the first one is in the message.
    """
    scales = {name: max(max_absolute(run.expected[name]) for run in runs) or 1.0 for name in runs[0].expected}
    tried = [(_explain(candidate, spec, runs[:1], scales, each), each) for each in list_undone_mistakes(spec)]
    finalists = [mistake for explained, mistake in tried if explained >= EXPLAINED]
    shares = [_explain(candidate, spec, runs, scales, each) for each in finalists]
    best = max(shares, default=0.0)
    if best < EXPLAINED:
        return None
    index = next(index for index, share in enumerate(shares) if share >= best - TIE)
    explained = next(explained for explained, mistake in tried if mistake is finalists[index])
    return finalists[index], Cause("preprocessing", finalists[index].name, explained, runs[0].source.name)


def _explain(
    candidate: Runner,
    spec: ModelSpec,
    runs: Sequence[DifferingRun],
    scales: Mapping[str, float],
    mistake: UndoneMistake,
) -> float:
    """Return the share of the RMS difference that disappears if the inputs undo the mistake."""
    before = after = 0.0
    for run in runs:
        outputs = candidate.run(mistake.apply(run.candidate_source, spec).tensors)
        before += measure_distance(run.expected, run.actual, scales) ** 2
        after += measure_distance(run.expected, outputs, scales) ** 2
    explained = 1 - math.sqrt(after / before) if before > 0 else 0.0
    return explained if math.isfinite(explained) else 0.0


def _have_same_values(first: InputContract, second: InputContract) -> bool:
    return first.color_order == second.color_order and _have_same_scale(first, second)


def _have_same_scale(first: InputContract, second: InputContract) -> bool:
    return (first.mean, first.std) == (second.mean, second.std)


def _undo_contract(
    contract: InputContract, changed: InputContract, form: InputContract, array: Array
) -> Array:
    """Return the input that a file of a changed contract needs, if inputs have the values of ``form``."""
    values = renormalize(form, contract, array)
    undone = renormalize(contract, form, renormalize(changed, contract, values))
    return np.rint(undone) if np.issubdtype(array.dtype, np.integer) else undone


def _undo_channels_last(array: Array) -> Array:
    count, channels, height, width = array.shape
    return array.reshape(count, height, width, channels).transpose(0, 3, 1, 2)


def _undo_exchange(array: Array) -> Array:
    count, channels, height, width = array.shape
    return array.reshape(count, channels, width, height).transpose(0, 1, 3, 2)
