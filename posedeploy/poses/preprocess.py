"""Convert an image to the network's input."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from posedeploy.argument_types import check_arguments
from posedeploy.errors import InputError
from posedeploy.poses.crops import (
    AFFINE_FITS,
    BOX_FITS,
    find_mmpose_transform,
    find_region,
    find_transform,
    warp,
)
from posedeploy.quantization import INTEGERS, quantize_pixels
from posedeploy.types import Array, InputContract, ModelSpec, Placement, Tensors, TensorSpec

MAX_FREE_LENGTH = 4096
"""Maximum side of an input of dynamic size, in px: 16 times the default height of 256."""

LETTERBOX_FITS = ("letterbox", "letterbox-corner")
WIDE_INTEGER = "int32"
"""The type of pixels in networks from TensorFlow; it holds no normalized image."""
DTYPES = ("float32", "float16", WIDE_INTEGER, *INTEGERS)


def to_bgr(image: Array) -> Array:
    """Return (H, W, 3) uint8 BGR of a gray, BGR or BGRA image of 8 or 16 bits, without a copy if it is one.

    Raises:
        InputError: the image is empty, or has other channels or another type.
    """
    if image.ndim not in (2, 3) or 0 in image.shape or (image.ndim == 3 and image.shape[2] not in (1, 3, 4)):
        raise InputError(
            f"an image of shape {image.shape} cannot be used; expected (height, width), optionally with "
            "1, 3 or 4 channels, and not empty"
        )
    if image.dtype == np.uint16:
        # The high byte, as in OpenCV's imread.
        image = (image >> 8).astype(np.uint8)
    if image.dtype != np.uint8:
        raise InputError(f"an image of {image.dtype} values cannot be used; convert it to uint8, 0 to 255")
    channels = 1 if image.ndim == 2 else image.shape[2]
    if channels == 3:
        return image
    converted: Array = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR if channels == 1 else cv2.COLOR_BGRA2BGR)
    return converted


@check_arguments
def prepare(image: Array, spec: ModelSpec, box: Array | None = None) -> tuple[Tensors, Placement]:
    """Return the network's input for one (H, W, 3) uint8 BGR image, and the placement of the image in it.

    The input follows ``spec.contract`` and the first tensor. If that has a dynamic size, the image determines
    the size by the published rule. If its size is fixed, the same rule is used if its result has that size;
    otherwise the image is scaled to fit inside and centered on the padding value. For a network of one
    person, the input is that person's box, at the size of the tensor or of the contract. The tensor is
    contiguous and belongs to the caller.

    Args:
        box: (4,) x, y, width, height in px of the person, for a single-person network; None for the whole
            image.

    Raises:
        InputError: the network takes no image, or several at once, or no boxes; the image leads to no usable
            size; or the box is invalid or outside the image.
    """
    image = to_bgr(image)
    contract, tensor = _image_input(spec)
    if contract.fit in BOX_FITS:
        return _prepare_crop(image, contract, tensor, box)
    if box is not None:
        raise InputError(f"{spec.family} takes whole images, so a box cannot be used; leave it out")
    plan = _plan(image.shape[1], image.shape[0], contract, _fixed_size(tensor))
    resized = cv2.resize(image, None, fx=plan.scale, fy=plan.scale, interpolation=cv2.INTER_LINEAR)
    array = _fill(resized, plan, contract, tensor)
    placement = Placement(plan.scale, plan.offset, (image.shape[1], image.shape[0]), plan.size)
    return {tensor.name: array}, placement


def with_height(spec: ModelSpec, height: int) -> ModelSpec:
    """Return the spec of the same network for images scaled to another height than the family's.

    Args:
        height: px, a multiple of the contract's ``multiple``.

    Raises:
        InputError: the network takes no whole images, or has a fixed height, or the height is invalid.
    """
    contract = spec.contract
    if contract is None or contract.fit in BOX_FITS:
        raise InputError(f"`height={height}`: {spec.family} does not take whole images; leave it out")
    _, tensor = _image_input(spec)
    fixed = _fixed_size(tensor)[1]
    if fixed is not None:
        raise InputError(
            f"`height={height}`: the input is {tensor}, of a fixed height; leave it out, or export "
            "with `dynamic`"
        )
    if not 0 < height <= MAX_FREE_LENGTH or height % contract.multiple:
        raise InputError(
            f"`height={height}`: expected a multiple of {contract.multiple}, at most {MAX_FREE_LENGTH}"
        )
    width = max(1, round(contract.width * height / contract.height / contract.multiple)) * contract.multiple
    return replace(spec, contract=replace(contract, height=height, width=width))


def _prepare_crop(
    image: Array, contract: InputContract, tensor: TensorSpec, box: Array | None
) -> tuple[Tensors, Placement]:
    width, height = _fixed_size(tensor)
    size = (width or contract.width, height or contract.height)
    region = find_region(contract, image, box, size)
    if contract.fit in AFFINE_FITS:
        matrix = find_mmpose_transform(region, size, udp=contract.fit == "affine-udp")
    else:
        matrix = find_transform(region, size)
    plan = _Plan(float(matrix[0, 0]), size, (0, 0))
    array = _fill(warp(image, matrix, size), plan, contract, tensor)
    offset = (float(matrix[0, 2]), float(matrix[1, 2]))
    scale_y = float(matrix[1, 1]) if contract.fit == "affine-udp" else None
    placement = Placement(plan.scale, offset, (image.shape[1], image.shape[0]), size, scale_y)
    return {tensor.name: array}, placement


@dataclass(frozen=True)
class _Plan:
    """Sizes as (width, height) in px. The resized image is cropped to ``size``."""

    scale: float
    size: tuple[int, int]
    offset: tuple[int, int]


def _image_input(spec: ModelSpec) -> tuple[InputContract, TensorSpec]:
    if spec.contract is None or not spec.inputs:
        raise InputError(f"{spec.family} has no input contract, so an image cannot be converted to its input")
    tensor = spec.inputs[0]
    channels = 3 if tensor.layout == "NHWC" else 1
    has_channels = tensor.layout is not None and len(tensor.shape) == 4 and tensor.shape[channels] == 3
    if not has_channels or (isinstance(tensor.shape[0], int) and tensor.shape[0] != 1):
        raise InputError(f"the input {tensor} is not one image; expected 1x3xHxW NCHW or 1xHxWx3 NHWC")
    if tensor.dtype not in DTYPES:
        raise InputError(
            f"the input {tensor} cannot be filled from an image; expected the type {' or '.join(DTYPES)}"
        )
    if tensor.dtype in INTEGERS and tensor.quantization is None and not _takes_bytes(tensor, spec.contract):
        raise InputError(
            f"the input {tensor} holds integers whose scale and zero point are unknown; write both under "
            '[input] in a `contract` file, or, for an image in uint8, embedded = ["normalization"]'
        )
    if tensor.dtype == WIDE_INTEGER and "normalization" not in spec.contract.embedded:
        raise InputError(
            f"the input {tensor} has integers, but the contract normalizes the image; if the model takes "
            'pixel values from 0 to 255, write embedded = ["normalization"] under [input]'
        )
    return spec.contract, tensor


def _takes_bytes(tensor: TensorSpec, contract: InputContract) -> bool:
    """Return whether pixels are used unchanged, regardless of the quantization that the file declares."""
    return tensor.dtype == "uint8" and "normalization" in contract.embedded


def _fixed_size(tensor: TensorSpec) -> tuple[int | None, int | None]:
    """Return width and height of an image input; None where dynamic."""
    height, width = tensor.image_size
    return (width if isinstance(width, int) else None, height if isinstance(height, int) else None)


def _plan(width: int, height: int, contract: InputContract, fixed: tuple[int | None, int | None]) -> _Plan:
    if contract.fit in LETTERBOX_FITS:
        return _plan_letterbox(width, height, contract, fixed)
    working_height = fixed[1] or contract.height
    scale = working_height / height
    size = _scaled_size(width, height, scale)
    published = _published_size(size, working_height, contract)
    final = (fixed[0] or published[0], fixed[1] or published[1])
    fits = fixed[0] is None or published[0] == fixed[0] > 0 or _overshoots(size, final, contract)
    if not fits:
        scale = min(final[1] / height, final[0] / width)
        size = _scaled_size(width, height, scale)
    _check(width, height, size, final, fixed)
    return _Plan(scale, final, (max(0, (final[0] - size[0]) // 2), max(0, (final[1] - size[1]) // 2)))


def _plan_letterbox(
    width: int, height: int, contract: InputContract, fixed: tuple[int | None, int | None]
) -> _Plan:
    final = (fixed[0] or contract.width, fixed[1] or contract.height)
    scale = min(final[0] / width, final[1] / height)
    size = _scaled_size(width, height, scale)
    _check(width, height, size, final, fixed)
    if contract.fit == "letterbox-corner":
        return _Plan(scale, final, (0, 0))
    return _Plan(scale, final, ((final[0] - size[0]) // 2, (final[1] - size[1]) // 2))


def _scaled_size(width: int, height: int, scale: float) -> tuple[int, int]:
    """Return the size computed by cv2.resize: rounded half to even."""
    return round(width * scale), round(height * scale)


def _published_size(size: tuple[int, int], working_height: int, contract: InputContract) -> tuple[int, int]:
    step = contract.multiple
    if contract.fit == "crop":
        return size[0] // step * step, size[1] // step * step
    return math.ceil(max(size[0], working_height) / step) * step, math.ceil(working_height / step) * step


def _overshoots(size: tuple[int, int], final: tuple[int, int], contract: InputContract) -> bool:
    """Return whether the resized image fits if less than one multiple is cropped on the right."""
    return contract.fit == "crop" and 0 <= size[0] - final[0] < contract.multiple


def _check(
    width: int,
    height: int,
    size: tuple[int, int],
    final: tuple[int, int],
    fixed: tuple[int | None, int | None],
) -> None:
    if 0 in size or 0 in final:
        raise InputError(
            f"an image of {width}x{height} px is too long and thin: at the network's scale it has "
            f"{size[0]}x{size[1]} px, in an input of {final[0]}x{final[1]}; crop it to the people"
        )
    if None in fixed and max(final) > MAX_FREE_LENGTH:
        raise InputError(
            f"an image of {width}x{height} px would need a network input of {final[0]}x{final[1]} px, more "
            f"than {MAX_FREE_LENGTH}; crop the image, or export the network with a fixed input size"
        )


def _fill(resized: Array, plan: _Plan, contract: InputContract, tensor: TensorSpec) -> Array:
    (width, height), (left, top) = plan.size, plan.offset
    inside = resized[: height - top, : width - left]
    if contract.color_order == "RGB" and "color" not in contract.embedded:
        inside = cv2.cvtColor(inside, cv2.COLOR_BGR2RGB)
    table, padding = _pixel_table(contract, tensor)
    is_whole = inside.shape[:2] == (height, width)
    within = np.s_[top : top + inside.shape[0], left : left + inside.shape[1]]
    if tensor.layout == "NHWC":
        array = np.empty((height, width, 3), tensor.dtype)
        if not is_whole:
            array[...] = padding
        _look_up(inside, table[None], array[within])
        return array[None]
    array = np.empty((3, height, width), tensor.dtype)
    for channel, pixels in enumerate(cv2.split(inside)):
        if not is_whole:
            array[channel] = padding[channel]
        _look_up(pixels, table[:, channel].copy(), array[channel][within])
    return array[None]


def _pixel_table(contract: InputContract, tensor: TensorSpec) -> tuple[Array, Array]:
    """Return the (256, 3) tensor value of each pixel value in each channel, and the (3,) padding.

    The padding is the tensor value of the contract's padding, or of the pixel value nearest to the mean, so
    that it is the same whether the artifact normalizes or this function does.
    """
    # The contract's numbers are in its own color order; an artifact that swaps colors itself takes BGR.
    in_bgr = contract.color_order == "RGB" and "color" in contract.embedded
    step = -1 if in_bgr else 1
    mean = np.array(contract.mean, np.float32)[::step]
    values = np.repeat(np.arange(256, dtype=np.float32)[:, None], 3, axis=1)
    if "normalization" not in contract.embedded:
        factor = (1 / np.array(contract.std)[::step]).astype(np.float32)
        values = (values - mean) * factor
    quantized = tensor.quantization is not None and not _takes_bytes(tensor, contract)
    table = quantize_pixels(values, tensor) if quantized else values.astype(tensor.dtype)
    nearest = np.rint(mean).clip(0, 255).astype(int)
    if contract.padding is not None:
        nearest = np.full(3, contract.padding)
    return table, table[nearest, range(3)]


def _look_up(pixels: Array, table: Array, out: Array) -> None:
    """Compute ``out[...] = table[pixels]`` per channel, in memory with any row stride."""
    # OpenCV 4 has no float16 tables, so the bits are looked up as int16.
    cast = np.int16 if table.itemsize == 2 else table.dtype
    cv2.LUT(pixels, table.view(cast), dst=out.view(cast))
