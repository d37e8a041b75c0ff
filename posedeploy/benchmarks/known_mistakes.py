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

from posedeploy.benchmarks.contract_mistakes import (
    PADDING_AT_END,
    ChangeContract,
    change_values,
    changes_embedded,
    find_input_form,
    have_same_scale,
    have_same_values,
    list_contract_changes,
    list_fit_changes,
    normalize_by,
    order_as_input,
    renormalize,
    takes_scaled_values,
)
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
from posedeploy.poses.preprocess import LETTERBOX_FITS, prepare
from posedeploy.types import Array, InputContract, ModelSpec, PlacedJoints

ChangeImage: TypeAlias = Callable[[Array, ModelSpec], Array]
ChangeArray: TypeAlias = Callable[[Array], Array]
INTERPOLATIONS = {"nearest neighbor": cv2.INTER_NEAREST, "area": cv2.INTER_AREA, "cubic": cv2.INTER_CUBIC}
Fill: TypeAlias = Literal["constant", "edge", "wrap"]
SHIFT_FILLS: tuple[Fill, ...] = ("constant", "edge", "wrap")
"""The modes of ``np.pad`` for the pixels that a shift leaves open."""


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
    if spec.contract is not None:
        yield from _list_image_mistakes(spec, spec.contract)


def _list_image_mistakes(spec: ModelSpec, contract: InputContract) -> Iterator[InputMistake]:
    for name, change in list_contract_changes(contract).items():
        if not changes_embedded(contract, change(contract)):
            yield InputMistake(name, partial(_with_contract, change))
        if not have_same_values(change(contract), contract):
            yield from _list_renormalized(spec, name, change(contract))
    for name, change in list_fit_changes(contract).items():
        yield InputMistake(name, partial(_with_contract, change))
    for name, changed in _list_images(contract).items():
        yield InputMistake(name, partial(_with_image, changed))
    for name, change_array in _list_array_changes(spec, contract).items():
        yield InputMistake(name, partial(change_arrays, change_array))
    yield from _list_shifts()


def _list_shifts() -> Iterator[InputMistake]:
    for right, down in SHIFTS:
        for fill in SHIFT_FILLS:
            change_array = partial(shift_array, right=right, down=down, fill=fill)
            yield InputMistake(describe_shift(right, down), partial(change_arrays, change_array))


def _list_renormalized(spec: ModelSpec, name: str, changed: InputContract) -> Iterator[InputMistake]:
    """Yield a mistake in the values of the input. The padding is then a part of the image."""
    assert spec.contract is not None, "input mistakes are for images"
    if takes_scaled_values(spec) or have_same_scale(changed, spec.contract):
        change = partial(change_values, spec.contract, changed, find_input_form(spec.contract))
        yield InputMistake(name, partial(change_arrays, change))


def _list_images(contract: InputContract) -> Mapping[str, ChangeImage]:
    images: dict[str, ChangeImage] = {"the image were stretched to the input size": _stretch}
    if contract.fit not in LETTERBOX_FITS:
        images[PADDING_AT_END] = _pad_at_end
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


def _list_array_changes(spec: ModelSpec, contract: InputContract) -> Mapping[str, ChangeArray]:
    changes: dict[str, ChangeArray] = {
        "the image were mirrored": lambda array: array[..., ::-1],
        "a channels-last image were read as channels first": last_as_first,
        "height and width of the image were exchanged": exchange_height_and_width,
    }
    pixels = normalize_by(contract, mean=0.0, std=1.0)
    if takes_scaled_values(spec) and not have_same_scale(contract, pixels):
        changes["the image were normalized twice"] = partial(
            renormalize, order_as_input(pixels), order_as_input(contract)
        )
    return changes


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


def _with_contract(change: ChangeContract, network_input: NetworkInput, spec: ModelSpec) -> NetworkInput:
    assert spec.contract is not None and network_input.image is not None, "input mistakes are for images"
    changed = replace(spec, contract=change(spec.contract))
    return build_image_input(changed, network_input.name, network_input.image, network_input.box)


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
    padding = spec.contract.padding
    canvas = np.empty((height, width, 3), np.uint8)
    canvas[...] = np.rint(spec.contract.mean[::order]).clip(0, 255) if padding is None else padding
    scaled = _scaled(image, spec, cv2.INTER_LINEAR)[:height, :width]
    canvas[: scaled.shape[0], : scaled.shape[1]] = scaled
    return canvas


def try_input(mistake: InputMistake, network_input: NetworkInput, spec: ModelSpec) -> NetworkInput | None:
    """Return the input with the mistake; None if the network accepts no such input."""
    try:
        return mistake.change(network_input, spec)
    except InputError:  # such as an image that is too thin when resized
        return None
