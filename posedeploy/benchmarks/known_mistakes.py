"""Known mistakes of deployed networks, applied to the reference to name the cause of a difference.

Each changes the input or the outputs of the reference as the mistake does. If the changed reference gives
the outputs of the candidate, the candidate has that mistake.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, TypeAlias

import cv2
import numpy as np

from posedeploy.benchmarks.input_shapes import with_batch_of_one
from posedeploy.benchmarks.inputs import NetworkInput, build_image_input
from posedeploy.errors import InputError
from posedeploy.poses.preprocess import prepare
from posedeploy.types import Array, InputContract, ModelSpec, Tensors

Stage: TypeAlias = Literal["preprocessing", "network", "outputs"]
ChangeContract: TypeAlias = Callable[[InputContract], InputContract]
ChangeImage: TypeAlias = Callable[[Array, ModelSpec], Array]
ChangeOutputs: TypeAlias = Callable[[Tensors], Tensors]
INTERPOLATIONS = {"nearest neighbor": cv2.INTER_NEAREST, "area": cv2.INTER_AREA, "cubic": cv2.INTER_CUBIC}
SHIFTS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1))
"""px to the right and down; one pixel, as different rounding or alignment of corners causes."""


OTHER_SIDE = {"left": "right", "right": "left", "l": "r", "r": "l"}
SIDE = re.compile(r"left|right|(?<![a-z])[lr](?![a-z])")


@dataclass(frozen=True)
class InputMistake:
    """A mistake in preprocessing. name: completes "as if"."""

    name: str
    change: Callable[[NetworkInput, ModelSpec], NetworkInput]
    stage: Stage = "preprocessing"


@dataclass(frozen=True)
class OutputMistake:
    """A mistake in the outputs. name: completes "as if"."""

    name: str
    change: ChangeOutputs
    stage: Stage = "outputs"


def list_input_mistakes(spec: ModelSpec) -> Iterator[InputMistake]:
    """Yield the mistakes in the preprocessing of a network on images; none for other networks."""
    if spec.contract is None or "normalization" in spec.contract.embedded:
        return
    other = "RGB" if spec.contract.color_order == "BGR" else "BGR"
    contracts: Mapping[str, ChangeContract] = {
        f"the image were {other} instead of {spec.contract.color_order}": _swap_colors,
        "the mean were not subtracted": lambda contract: replace(contract, mean=(0.0, 0.0, 0.0)),
        "the values were not divided by the std": lambda contract: replace(contract, std=(1.0, 1.0, 1.0)),
        "the pixels were divided by 255 twice": partial(_scale, factor=255.0),
        "the pixels were not divided by 255": partial(_scale, factor=1 / 255),
        "the pixels were divided by 256 instead of 255": partial(_scale, factor=256 / 255),
        "the pixels were divided by 255 instead of 256": partial(_scale, factor=255 / 256),
    }
    for name, change in contracts.items():  # the padding is a part of the image, or has its proper value
        yield InputMistake(name, partial(_with_contract, change))
        yield InputMistake(name, partial(_renormalized, change))
    images: dict[str, ChangeImage] = {
        "the image were stretched to the input size": _stretch,
        "the padding were on the right and at the bottom": _pad_at_end,
    }
    for name, interpolation in INTERPOLATIONS.items():
        images[f"the image were resized with {name} interpolation"] = partial(
            _resize, interpolation=interpolation
        )
    for right, down in SHIFTS:
        images[f"the image were shifted by ({right}, {down}) px"] = partial(_shift, right=right, down=down)
    for name, changed in images.items():
        yield InputMistake(name, partial(_with_image, changed))
    yield InputMistake("the image were mirrored", _mirrored)
    yield InputMistake("a channels-last image were read as channels first", _misread_layout)


def list_output_mistakes(spec: ModelSpec) -> Iterator[OutputMistake]:
    """Yield the mistakes in the outputs of a network."""
    swapped = swap_sides(spec.keypoint_names)
    if swapped is not None:
        yield OutputMistake("left and right keypoints were swapped", partial(_permute, order=swapped))
    for first, second in _equal_shapes(spec):
        yield OutputMistake(
            f"the outputs {first} and {second} were exchanged",
            partial(_exchange, first=first, second=second),
        )
    yield OutputMistake("channels-last maps were read as channels first", partial(_each_map, _last_as_first))
    yield OutputMistake("height and width of the maps were exchanged", partial(_each_map, _transposed))
    for right, down in SHIFTS:
        yield OutputMistake(
            f"the maps were shifted by ({right}, {down}) cells",
            partial(_each_map, partial(_rolled, right=right, down=down)),
        )
    yield OutputMistake("the images of a batch were in another order", _roll_batch)


def swap_sides(names: tuple[str, ...]) -> tuple[int, ...] | None:
    """Return the index of the keypoint on the other side of the body for each name; None without sides."""
    numbers = {name.lower(): index for index, name in enumerate(names)}
    order = tuple(numbers.get(_other_side(name.lower()), index) for index, name in enumerate(names))
    return order if order != tuple(range(len(names))) else None


def _other_side(name: str) -> str:
    """Return the name with left for right, or l for r as a word, and the reverse."""
    return SIDE.sub(lambda match: OTHER_SIDE[match[0]], name)


def _swap_colors(contract: InputContract) -> InputContract:
    return replace(contract, color_order="RGB" if contract.color_order == "BGR" else "BGR")


def _scale(contract: InputContract, factor: float) -> InputContract:
    """Return the contract with which pixels are divided by ``factor`` before the published steps."""
    mean, std = ((x * factor, y * factor, z * factor) for x, y, z in (contract.mean, contract.std))
    return replace(contract, mean=mean, std=std)


def _with_contract(change: ChangeContract, network_input: NetworkInput, spec: ModelSpec) -> NetworkInput:
    assert spec.contract is not None and network_input.image is not None, "input mistakes are for images"
    changed = replace(spec, contract=change(spec.contract))
    return build_image_input(changed, network_input.name, network_input.image, network_input.box)


def _renormalized(change: ChangeContract, network_input: NetworkInput, spec: ModelSpec) -> NetworkInput:
    """Return the input with its values normalized as in the changed contract."""
    assert spec.contract is not None, "input mistakes are for images"
    changed = change(spec.contract)
    mean, std, new_mean, new_std = (
        np.array(each).reshape(1, -1, 1, 1)
        for each in (spec.contract.mean, spec.contract.std, changed.mean, changed.std)
    )
    (name, array), *_ = network_input.tensors.items()
    pixels = array * std + mean
    if changed.color_order != spec.contract.color_order:
        pixels = pixels[:, ::-1]
    return replace(network_input, tensors={name: ((pixels - new_mean) / new_std).astype(array.dtype)})


def _mirrored(network_input: NetworkInput, spec: ModelSpec) -> NetworkInput:
    tensors = {name: np.ascontiguousarray(array[..., ::-1]) for name, array in network_input.tensors.items()}
    return replace(network_input, tensors=tensors)


def _with_image(change: ChangeImage, network_input: NetworkInput, spec: ModelSpec) -> NetworkInput:
    assert network_input.image is not None, "input mistakes are for images"
    image = network_input.image
    changed = change(image, spec) if image.ndim == 3 else np.stack([change(each, spec) for each in image])
    if network_input.box is not None and changed.shape != image.shape:
        raise InputError("the box belongs to the image in its own size")
    return build_image_input(spec, network_input.name, np.ascontiguousarray(changed), network_input.box)


def _shift(image: Array, spec: ModelSpec, right: int, down: int) -> Array:
    return np.roll(image, (down, right), axis=(0, 1))


def _scaled(image: Array, spec: ModelSpec, interpolation: int) -> Array:
    """Return the image at the scale of the network's input."""
    scale = prepare(image, with_batch_of_one(spec))[1].scale
    scaled: Array = cv2.resize(image, None, fx=scale, fy=scale, interpolation=interpolation)
    return scaled


def _resize(image: Array, spec: ModelSpec, interpolation: int) -> Array:
    return _scaled(image, spec, interpolation)


def _stretch(image: Array, spec: ModelSpec) -> Array:
    height, width = map(int, spec.inputs[0].image_size)
    stretched: Array = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return stretched


def _pad_at_end(image: Array, spec: ModelSpec) -> Array:
    assert spec.contract is not None, "input mistakes are for images"
    height, width = map(int, spec.inputs[0].image_size)
    order = -1 if spec.contract.color_order == "RGB" else 1
    canvas = np.empty((height, width, 3), np.uint8)
    canvas[...] = np.rint(spec.contract.mean[::order]).clip(0, 255)
    scaled = _scaled(image, spec, cv2.INTER_LINEAR)[:height, :width]
    canvas[: scaled.shape[0], : scaled.shape[1]] = scaled
    return canvas


def _misread_layout(network_input: NetworkInput, spec: ModelSpec) -> NetworkInput:
    return replace(
        network_input, tensors={name: _last_as_first(array) for name, array in network_input.tensors.items()}
    )


def _equal_shapes(spec: ModelSpec) -> Iterator[tuple[str, str]]:
    for index, first in enumerate(spec.outputs):
        for second in spec.outputs[index + 1 :]:
            if first.shape == second.shape and first.shape:
                yield first.name, second.name


def _exchange(outputs: Tensors, first: str, second: str) -> Tensors:
    return outputs | {first: outputs[second], second: outputs[first]}


def _permute(outputs: Tensors, order: tuple[int, ...]) -> Tensors:
    """Return the outputs with another order of the keypoints; heatmaps may also have a background."""
    return {
        name: array[:, [*order, *range(len(order), array.shape[1])]]
        if array.ndim > 2 and array.shape[1] in (len(order), len(order) + 1)
        else array
        for name, array in outputs.items()
    }


def _each_map(change: Callable[[Array], Array], outputs: Tensors) -> Tensors:
    return {name: change(array) if array.ndim == 4 else array for name, array in outputs.items()}


def _last_as_first(array: Array) -> Array:
    return array.transpose(0, 2, 3, 1).reshape(array.shape) if array.ndim == 4 else array


def _transposed(array: Array) -> Array:
    return array.transpose(0, 1, 3, 2).reshape(array.shape)


def _rolled(array: Array, right: int, down: int) -> Array:
    return np.roll(array, (down, right), axis=(2, 3))


def _roll_batch(outputs: Tensors) -> Tensors:
    return {name: np.roll(array, 1, axis=0) for name, array in outputs.items()}


def try_input(mistake: InputMistake, network_input: NetworkInput, spec: ModelSpec) -> NetworkInput | None:
    """Return the input with the mistake; None if the network accepts no such input."""
    try:
        return mistake.change(network_input, spec)
    except InputError:  # such as an image that is too thin when resized
        return None
