"""Known mistakes in the preprocessing of deployed networks, to name the cause of a difference.

Each changes the input of the reference as the mistake does. If the reference then gives the outputs of the
candidate, the candidate has that mistake. Those in the outputs are in ``output_mistakes.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, TypeAlias

import cv2
import numpy as np

from posedeploy.benchmarks.input_shapes import with_batch_of_one
from posedeploy.benchmarks.inputs import NetworkInput, build_image_input
from posedeploy.benchmarks.output_mistakes import (
    SHIFTS,
    exchange_height_and_width,
    last_as_first,
    swap_sides,
)
from posedeploy.benchmarks.stage_parity import StageName
from posedeploy.errors import InputError
from posedeploy.own_keypoints import joint_set_of
from posedeploy.poses.preprocess import prepare
from posedeploy.types import Array, InputContract, ModelSpec, PlacedJoints

ChangeContract: TypeAlias = Callable[[InputContract], InputContract]
ChangeImage: TypeAlias = Callable[[Array, ModelSpec], Array]
ChangeArray: TypeAlias = Callable[[Array], Array]
INTERPOLATIONS = {"nearest neighbor": cv2.INTER_NEAREST, "area": cv2.INTER_AREA, "cubic": cv2.INTER_CUBIC}
Fill: TypeAlias = Literal["constant", "edge", "wrap"]
SHIFT_FILLS: tuple[Fill, ...] = ("constant", "edge", "wrap")
"""The modes of ``np.pad`` for the pixels that a shift leaves open."""
PADDING_VALUES = (0, 114, 128, 255)
"""Pixel values that other code pads with."""


@dataclass(frozen=True)
class InputMistake:
    """A mistake in preprocessing. name: completes "as if"."""

    name: str
    change: Callable[[NetworkInput, ModelSpec], NetworkInput]
    stage: StageName = "preprocessing"


def list_input_mistakes(spec: ModelSpec) -> Iterator[InputMistake]:
    """Yield the mistakes in the preprocessing of a network on images or on 2D joints; none for others."""
    if spec.joints is not None:
        yield from list_joint_mistakes(spec)
    if spec.contract is None or "normalization" in spec.contract.embedded:
        return
    for name, change in list_contract_changes(spec.contract).items():
        # The padding is a part of the image, or has its proper value.
        yield InputMistake(name, partial(_with_contract, change))
        yield InputMistake(name, partial(_renormalized, change))
    for name, changed in _list_images().items():
        yield InputMistake(name, partial(_with_image, changed))
    for name, change_array in _list_array_changes(spec.contract).items():
        yield InputMistake(name, partial(change_arrays, change_array))
    for right, down in SHIFTS:
        for fill in SHIFT_FILLS:
            change_array = partial(shift_array, right=right, down=down, fill=fill)
            yield InputMistake(describe_shift(right, down), partial(change_arrays, change_array))


def list_contract_changes(contract: InputContract) -> Mapping[str, ChangeContract]:
    """Return the mistakes in colors, normalization and padding, as changes of the contract."""
    other = "RGB" if contract.color_order == "BGR" else "BGR"
    changes: dict[str, ChangeContract] = {
        f"the image were {other} instead of {contract.color_order}": _swap_colors,
        "the mean were not subtracted": lambda contract: replace(contract, mean=(0.0, 0.0, 0.0)),
        "the values were not divided by the std": lambda contract: replace(contract, std=(1.0, 1.0, 1.0)),
        "the pixels were divided by 255 twice": partial(_scale, factor=255.0),
        "the pixels were not divided by 255": partial(_scale, factor=1 / 255),
        "the pixels were divided by 256 instead of 255": partial(_scale, factor=256 / 255),
        "the pixels were divided by 255 instead of 256": partial(_scale, factor=255 / 256),
        "the image were not normalized": partial(_normalize, mean=0.0, std=1.0),
        "the pixels were scaled to 0 to 1": partial(_normalize, mean=0.0, std=255.0),
        "the pixels were scaled to -1 to 1": partial(_normalize, mean=127.5, std=127.5),
        **{f"the padding had the value {value}": partial(replace, padding=value) for value in PADDING_VALUES},
    }
    return {name: change for name, change in changes.items() if change(contract) != contract}


def _list_images() -> Mapping[str, ChangeImage]:
    images: dict[str, ChangeImage] = {
        "the image were stretched to the input size": _stretch,
        "the padding were on the right and at the bottom": _pad_at_end,
    }
    for name, interpolation in INTERPOLATIONS.items():
        images[f"the image were resized with {name} interpolation"] = partial(
            _resize, interpolation=interpolation
        )
    for right, down in SHIFTS:
        images[describe_shift(right, down)] = partial(_shift, right=right, down=down)
    return images


def describe_shift(right: int, down: int) -> str:
    """Return the name of a shift of the image in px."""
    return f"the image were shifted by ({right}, {down}) px"


def shift_array(array: Array, right: int, down: int, fill: Fill) -> Array:
    """Return the input of the network shifted by px; ``fill``: of the pixels at the border."""
    padding = [(0, 0), (0, 0), (max(down, 0), max(-down, 0)), (max(right, 0), max(-right, 0))]
    (top, bottom), (left, end) = padding[2:]
    padded = np.pad(array, padding, mode=fill)
    height, width = padded.shape[2:]
    return padded[:, :, bottom : height - top, end : width - left]


def _list_array_changes(contract: InputContract) -> Mapping[str, ChangeArray]:
    mean, std = (np.array(each, np.float32).reshape(1, -1, 1, 1) for each in (contract.mean, contract.std))
    return {
        "the image were mirrored": lambda array: array[..., ::-1],
        "a channels-last image were read as channels first": last_as_first,
        "height and width of the image were exchanged": exchange_height_and_width,
        "the image were normalized twice": lambda array: (array - mean) / std,
    }


def list_joint_changes(spec: ModelSpec) -> dict[str, ChangeArray]:
    """Return the mistakes in 2D joints as changes of the input, each of which undoes itself."""
    changes: dict[str, ChangeArray] = {
        "x and y of the joints were exchanged": lambda array: array[..., ::-1],
        "y of the joints pointed up": lambda array: array * np.array([1, -1], array.dtype),
        "the joints were mirrored": lambda array: array * np.array([-1, 1], array.dtype),
    }
    swapped = swap_sides(joint_set_of(spec).joints)
    if swapped is not None:
        changes["left and right joints were swapped"] = lambda array: array[:, list(swapped)]
    return changes


def list_joint_mistakes(spec: ModelSpec) -> Iterator[InputMistake]:
    """Yield the mistakes in the preprocessing of 2D joints."""
    for name, change in list_joint_changes(spec).items():
        yield InputMistake(name, partial(change_arrays, change))
    yield InputMistake("the joints were not normalized", _without_normalization)


def _swap_colors(contract: InputContract) -> InputContract:
    return replace(contract, color_order="RGB" if contract.color_order == "BGR" else "BGR")


def _scale(contract: InputContract, factor: float) -> InputContract:
    """Return the contract with which pixels are divided by ``factor`` before the published steps."""
    mean, std = ((x * factor, y * factor, z * factor) for x, y, z in (contract.mean, contract.std))
    return replace(contract, mean=mean, std=std)


def _normalize(contract: InputContract, mean: float, std: float) -> InputContract:
    return replace(contract, mean=(mean,) * 3, std=(std,) * 3)


def _with_contract(change: ChangeContract, network_input: NetworkInput, spec: ModelSpec) -> NetworkInput:
    assert spec.contract is not None and network_input.image is not None, "input mistakes are for images"
    changed = replace(spec, contract=change(spec.contract))
    return build_image_input(changed, network_input.name, network_input.image, network_input.box)


def _renormalized(change: ChangeContract, network_input: NetworkInput, spec: ModelSpec) -> NetworkInput:
    """Return the input with its values normalized as in the changed contract."""
    assert spec.contract is not None, "input mistakes are for images"
    return change_arrays(partial(renormalize, spec.contract, change(spec.contract)), network_input, spec)


def renormalize(before: InputContract, after: InputContract, array: Array) -> Array:
    """Return a channels-first input of one contract with the colors and the normalization of another."""
    mean, std, new_mean, new_std = (
        np.array(each).reshape(1, -1, 1, 1) for each in (before.mean, before.std, after.mean, after.std)
    )
    pixels = array * std + mean
    is_swapped = after.color_order != before.color_order
    normalized: Array = ((pixels[:, ::-1] if is_swapped else pixels) - new_mean) / new_std
    return normalized


def change_arrays(change: ChangeArray, network_input: NetworkInput, spec: ModelSpec) -> NetworkInput:
    """Return the input with changed arrays; those of images are channels-first for ``change``."""
    has_channels_last = spec.inputs[0].layout == "NHWC"

    def change_layout(array: Array) -> Array:
        return np.moveaxis(change(np.moveaxis(array, -1, 1)), 1, -1) if has_channels_last else change(array)

    tensors = {
        name: np.ascontiguousarray(change_layout(array), array.dtype)
        for name, array in network_input.tensors.items()
    }
    return replace(network_input, tensors=tensors)


def _without_normalization(network_input: NetworkInput, spec: ModelSpec) -> NetworkInput:
    people = [placed.joints for placed in network_input.placements if isinstance(placed, PlacedJoints)]
    if not people:
        raise InputError("the positions of the joints are unknown")
    (name, array), *_ = network_input.tensors.items()
    joints = np.concatenate(people)[..., : array.shape[-1]]
    return replace(network_input, tensors={name: joints.astype(array.dtype)})


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


def try_input(mistake: InputMistake, network_input: NetworkInput, spec: ModelSpec) -> NetworkInput | None:
    """Return the input with the mistake; None if the network accepts no such input."""
    try:
        return mistake.change(network_input, spec)
    except InputError:  # such as an image that is too thin when resized
        return None
