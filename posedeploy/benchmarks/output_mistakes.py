"""Known mistakes in the outputs of deployed networks, applied to the outputs of the reference.

The order of outputs, channels, axes or people is the one in which the outputs of both models agree best.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np

from posedeploy.benchmarks.stage_parity import StageName
from posedeploy.poses.assignment import assign
from posedeploy.printable import listed
from posedeploy.types import Array, ModelSpec, Tensors

ChangeOutputs: TypeAlias = Callable[[Tensors], Tensors]
SHIFTS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1))
"""Steps to the right and down; one pixel or cell, as different rounding or alignment of corners causes."""
OTHER_SIDE = {"left": "right", "right": "left", "l": "r", "r": "l"}
SIDE = re.compile(r"left|right|(?<![a-z])[lr](?![a-z])")
MAX_SHOWN = 4
"""The number of names of exchanged keypoints or outputs that a message shows."""
MAX_SLICES = 256
"""Maximum number of slices to reorder: anchors and vertices would take hours."""


@dataclass(frozen=True)
class OutputMistake:
    """A mistake in the outputs. name: completes "as if"; stage: the one that is at fault."""

    name: str
    change: ChangeOutputs
    stage: StageName = "decoding"


def list_output_mistakes(spec: ModelSpec, expected: Tensors, actual: Tensors) -> Iterator[OutputMistake]:
    """Yield the mistakes in the outputs of a network.

    Those with a stage of ``decoding`` leave the values right: their order, layout or rounding is wrong.

    Args:
        expected, actual: the outputs of the reference and of the candidate, which determine the orders.
    """
    yield from _list_keypoint_orders(spec, expected, actual)
    yield from _list_output_orders(expected, actual)
    yield from _list_map_mistakes(expected)
    yield from _list_channel_orders(spec, expected, actual)
    yield from _list_coordinate_mistakes(expected, actual)
    order = match_slices([(expected[name], actual[name]) for name in actual], axis=0)
    if order is not None:
        items = "people" if spec.joints is not None else "images"
        yield OutputMistake(
            f"the {items} of a batch were in another order", partial(_permute_all, order=order), "network"
        )


def match_slices(pairs: Sequence[tuple[Array, Array]], axis: int) -> list[int] | None:
    """Return the order of the slices of each first array along an axis that agrees best with the second.

    None if the arrays agree best in their own order, have another number of slices than the first one, or
    have more than ``MAX_SLICES``.
    """
    count = pairs[0][0].shape[axis] if pairs and pairs[0][0].ndim > axis else 0
    if not 2 <= count <= MAX_SLICES:
        return None
    costs = np.zeros((count, count))
    for expected, actual in pairs:
        if expected.ndim <= axis or expected.shape[axis] != count:
            return None
        if not (np.isfinite(expected).all() and np.isfinite(actual).all()):
            return None
        a, b = (
            np.moveaxis(each, axis, 0).reshape(count, -1).astype(np.float64) for each in (actual, expected)
        )
        scale = float((b**2).sum()) or 1.0
        costs += ((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2 * a @ b.T) / scale
    order = [int(column) for _, column in assign(costs)]
    return order if order != list(range(count)) else None


def swap_sides(names: tuple[str, ...]) -> tuple[int, ...] | None:
    """Return the index of the keypoint on the other side of the body for each name; None without sides."""
    numbers = {name.lower(): index for index, name in enumerate(names)}
    order = tuple(numbers.get(_other_side(name.lower()), index) for index, name in enumerate(names))
    return order if order != tuple(range(len(names))) else None


def _other_side(name: str) -> str:
    """Return the name with left for right, or l for r as a word, and the reverse."""
    return SIDE.sub(lambda match: OTHER_SIDE[match[0]], name)


def _list_keypoint_orders(spec: ModelSpec, expected: Tensors, actual: Tensors) -> Iterator[OutputMistake]:
    count = len(spec.keypoint_names)
    swapped = swap_sides(spec.keypoint_names)
    if swapped is not None:
        yield OutputMistake("left and right keypoints were swapped", partial(_permute, order=swapped))
    pairs = [
        (expected[name][:, :count], actual[name][:, :count])
        for name in actual
        if _has_keypoints(expected[name], count)
    ]
    order = match_slices(pairs, axis=1)
    if order is not None:
        what = _describe_order(spec.keypoint_names, order, "keypoints")
        yield OutputMistake(what, partial(_permute, order=tuple(order)))


def _has_keypoints(array: Array, count: int) -> bool:
    """Return whether the axis of channels holds the keypoints; heatmaps may also have a background."""
    return count > 1 and array.ndim > 2 and array.shape[1] in (count, count + 1)


def _describe_order(names: Sequence[str], order: Sequence[int], plural: str) -> str:
    moved = [names[index] for index, source in enumerate(order) if index != source]
    if len(moved) > MAX_SHOWN:
        return f"{len(moved)} {plural} were in another order"
    if len(moved) == 2:
        return f"the {plural} {moved[0]} and {moved[1]} were exchanged"
    return f"the {plural} {listed(moved)} were in another order"


def _list_output_orders(expected: Tensors, actual: Tensors) -> Iterator[OutputMistake]:
    shapes = dict.fromkeys(expected[name].shape for name in actual)
    for shape in shapes:
        names = [name for name in actual if expected[name].shape == shape]
        stacked = [np.stack([side[name] for name in names]) for side in (expected, actual)]
        order = match_slices([(stacked[0], stacked[1])], axis=0)
        if order is not None:
            sources = {name: names[index] for name, index in zip(names, order, strict=True)}
            yield OutputMistake(_describe_order(names, order, "outputs"), partial(_reorder, sources=sources))


def _list_map_mistakes(expected: Tensors) -> Iterator[OutputMistake]:
    """Yield the mistakes in the layout and the position of all maps, and of each map alone."""
    maps = [name for name, array in expected.items() if array.ndim == 4]
    groups = [(maps, "the maps"), *(([name], name) for name in maps if len(maps) > 1)]
    for names, what in groups:
        change = partial(_each, names=names)
        yield OutputMistake(
            f"channels-last {'maps' if what == 'the maps' else what} were read as channels first",
            partial(change, change=last_as_first),
        )
        yield OutputMistake(
            f"height and width of {what} were exchanged", partial(change, change=exchange_height_and_width)
        )
        for right, down in SHIFTS:
            rolled = partial(np.roll, shift=(down, right), axis=(2, 3))
            yield OutputMistake(
                f"{what} were shifted by ({right}, {down}) cells", partial(change, change=rolled), "network"
            )


def _list_channel_orders(spec: ModelSpec, expected: Tensors, actual: Tensors) -> Iterator[OutputMistake]:
    """Yield the orders of the channels of each output, whose number is the same on all inputs."""
    dynamic = [tensor.name for tensor in spec.outputs if isinstance([*tensor.shape, 0, 0][1], str)]
    for name in actual:
        if name in dynamic:
            continue
        order = match_slices([(expected[name], actual[name])], axis=1)
        if order is not None:
            what = f"the channels of {name} were in another order"
            if _has_keypoints(expected[name], len(spec.keypoint_names)):
                keypoints = (*spec.keypoint_names, "background")
                what = f"{_describe_order(keypoints, order, 'keypoints')} in {name}"
            yield OutputMistake(
                what, partial(_each, names=[name], change=partial(_reorder_slices, order=order, axis=1))
            )


def _list_coordinate_mistakes(expected: Tensors, actual: Tensors) -> Iterator[OutputMistake]:
    """Yield the mistakes in outputs that hold (batch, points, axes), such as coordinates."""
    for name in actual:
        if expected[name].ndim != 3:
            continue
        for what, change in {"truncated": np.trunc, "rounded down": np.floor, "rounded": np.rint}.items():
            yield OutputMistake(
                f"the values of {name} were {what} to whole numbers",
                partial(_each, names=[name], change=change),
            )
        if expected[name].shape[2] > len("xyz"):
            continue
        order = match_slices([(expected[name], actual[name])], axis=2)
        if order is not None:
            yield OutputMistake(
                _describe_order("xyz"[: len(order)], order, "axes") + f" in {name}",
                partial(_each, names=[name], change=partial(_reorder_slices, order=order, axis=2)),
            )


def _each(outputs: Tensors, names: Sequence[str], change: Callable[[Array], Array]) -> Tensors:
    return outputs | {name: change(outputs[name]) for name in names}


def _reorder(outputs: Tensors, sources: dict[str, str]) -> Tensors:
    """Return the outputs with other names; unchanged on inputs for which their shapes differ."""
    if any(outputs[name].shape != outputs[source].shape for name, source in sources.items()):
        return outputs
    return outputs | {name: outputs[source] for name, source in sources.items()}


def _reorder_slices(array: Array, order: Sequence[int], axis: int) -> Array:
    """Return the array with another order along an axis; one with another number of slices unchanged."""
    has_slices = array.ndim > axis and array.shape[axis] == len(order)
    return np.take(array, order, axis) if has_slices else array


def _permute(outputs: Tensors, order: tuple[int, ...]) -> Tensors:
    """Return the outputs with another order of the keypoints."""
    return {
        name: array[:, [*order, *range(len(order), array.shape[1])]]
        if _has_keypoints(array, len(order))
        else array
        for name, array in outputs.items()
    }


def _permute_all(outputs: Tensors, order: Sequence[int]) -> Tensors:
    """Return the outputs with another order of the batch; a batch of another size unchanged."""
    return {name: _reorder_slices(array, order, axis=0) for name, array in outputs.items()}


def last_as_first(array: Array) -> Array:
    """Return the values of a channels-last copy of (batch, channels, height, width), in the same shape."""
    return array.transpose(0, 2, 3, 1).reshape(array.shape)


def exchange_height_and_width(array: Array) -> Array:
    """Return the values of (batch, channels, height, width) with the last axes exchanged, in the same
    shape."""
    return array.transpose(0, 1, 3, 2).reshape(array.shape)
