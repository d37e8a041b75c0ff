"""Known mistakes in preprocessing that are changes of an input contract: colors, normalization, padding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeAlias

import numpy as np

from posedeploy.poses.crops import BOX_FITS
from posedeploy.types import Array, Fit, InputContract, ModelSpec

ChangeContract: TypeAlias = Callable[[InputContract], InputContract]
PADDING_VALUES = (0, 114, 128, 255)
"""Pixel values that other code pads with."""
PADDING_AT_END = "the padding were on the right and at the bottom"


def list_contract_changes(contract: InputContract) -> Mapping[str, ChangeContract]:
    """Return the mistakes in colors, normalization and padding, as changes of the contract.

    Mistakes that are the same change have one name: the first here.
    """
    other = "RGB" if contract.color_order == "BGR" else "BGR"
    changes: dict[str, ChangeContract] = {
        f"the image were {other} instead of {contract.color_order}": _swap_colors,
        "the mean were not subtracted": lambda contract: replace(contract, mean=(0.0, 0.0, 0.0)),
        "the pixels were divided by 255 twice": partial(_scale, factor=255.0),
        "the pixels were not divided by 255": partial(_scale, factor=1 / 255),
        "the values were not divided by the std": lambda contract: replace(contract, std=(1.0, 1.0, 1.0)),
        "the pixels were divided by 256 instead of 255": partial(_scale, factor=256 / 255),
        "the pixels were divided by 255 instead of 256": partial(_scale, factor=255 / 256),
        "the image were not normalized": partial(normalize_by, mean=0.0, std=1.0),
        "the pixels were scaled to 0 to 1": partial(normalize_by, mean=0.0, std=255.0),
        "the pixels were scaled to -1 to 1": partial(normalize_by, mean=127.5, std=127.5),
    }
    if contract.fit not in BOX_FITS:
        for value in PADDING_VALUES:
            changes[f"the padding had the value {value}"] = partial(replace, padding=value)
    if have_same_scale(contract, normalize_by(contract, mean=0.0, std=1.0)):
        del changes["the pixels were divided by 255 twice"]  # they are not divided; see "scaled to 0 to 1"
    distinct: dict[InputContract, str] = {}
    for name, change in changes.items():
        distinct.setdefault(_rounded(change(contract)), name)
    return {name: changes[name] for form, name in distinct.items() if form != _rounded(contract)}


def _rounded(contract: InputContract) -> InputContract:
    """Return the contract without rounding errors: one change can be computed in several ways."""
    mean, std = ((round(x, 6), round(y, 6), round(z, 6)) for x, y, z in (contract.mean, contract.std))
    return replace(contract, mean=mean, std=std)


def list_fit_changes(contract: InputContract) -> Mapping[str, ChangeContract]:
    """Return the mistakes in the position of an image that is scaled to fit inside the input."""
    other: dict[Fit, tuple[str, Fit]] = {
        "letterbox": (PADDING_AT_END, "letterbox-corner"),
        "letterbox-corner": ("the padding were on both sides", "letterbox"),
    }
    name, fit = other.get(contract.fit, ("", contract.fit))
    return {name: partial(replace, fit=fit)} if name else {}


def find_input_form(contract: InputContract) -> InputContract:
    """Return the contract without its embedded steps: that of the values in the input."""
    form = order_as_input(contract)
    return normalize_by(form, mean=0.0, std=1.0) if "normalization" in contract.embedded else form


def order_as_input(contract: InputContract) -> InputContract:
    """Return the contract with its numbers in the color order of the input: BGR if it embeds the colors."""
    if "color" not in contract.embedded or contract.color_order == "BGR":
        return contract
    return replace(contract, color_order="BGR", mean=contract.mean[::-1], std=contract.std[::-1])


def changes_embedded(contract: InputContract, changed: InputContract) -> bool:
    """Return whether a change concerns a step that the model file does itself."""
    return ("normalization" in contract.embedded and not have_same_scale(contract, changed)) or (
        "color" in contract.embedded and contract.color_order != changed.color_order
    )


def change_values(
    contract: InputContract, changed: InputContract, form: InputContract, array: Array
) -> Array:
    """Return the input with which a file of a contract gives the outputs of a file of a changed contract.

    Args:
        form: of the values in the input: that of ``contract`` without embedded steps.
    """
    values = renormalize(contract, form, renormalize(form, changed, array))
    return np.rint(values) if np.issubdtype(array.dtype, np.integer) else values


def renormalize(before: InputContract, after: InputContract, array: Array) -> Array:
    """Return a channels-first input of one contract with the colors and the normalization of another."""
    mean, std, new_mean, new_std = (
        np.array(each).reshape(1, -1, 1, 1) for each in (before.mean, before.std, after.mean, after.std)
    )
    pixels = array * std + mean
    is_swapped = after.color_order != before.color_order
    normalized: Array = ((pixels[:, ::-1] if is_swapped else pixels) - new_mean) / new_std
    return normalized


def takes_scaled_values(spec: ModelSpec) -> bool:
    """Return whether the input can have values of another scale: integers cannot."""
    return bool(np.issubdtype(np.dtype(spec.inputs[0].dtype), np.floating))


def have_same_values(first: InputContract, second: InputContract) -> bool:
    """Return whether the inputs of two contracts have the same values except for the padding."""
    return first.color_order == second.color_order and have_same_scale(first, second)


def have_same_scale(first: InputContract, second: InputContract) -> bool:
    """Return whether two contracts normalize in the same way."""
    return (first.mean, first.std) == (second.mean, second.std)


def _swap_colors(contract: InputContract) -> InputContract:
    return replace(contract, color_order="RGB" if contract.color_order == "BGR" else "BGR")


def _scale(contract: InputContract, factor: float) -> InputContract:
    """Return the contract with which pixels are divided by ``factor`` before the published steps."""
    mean, std = ((x * factor, y * factor, z * factor) for x, y, z in (contract.mean, contract.std))
    return replace(contract, mean=mean, std=std)


def normalize_by(contract: InputContract, mean: float, std: float) -> InputContract:
    """Return the contract with this mean and std of all channels."""
    return replace(contract, mean=(mean,) * 3, std=(std,) * 3)
