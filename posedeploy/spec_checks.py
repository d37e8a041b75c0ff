"""Check a stored spec for values that no export writes and that break preprocessing or decoding."""

from __future__ import annotations

import math
from collections.abc import Iterator

from posedeploy.decoding_options import options_of
from posedeploy.errors import InputError
from posedeploy.families import decoder_poses_of
from posedeploy.types import InputContract, ModelSpec

MAX_LENGTH = 1 << 16
"""px."""
MAX_MARGIN = 100.0


def find_invalid_value(spec: ModelSpec) -> str:
    """Return the first invalid value; empty if there is none."""
    return next(_invalid_values(spec), "")


def _invalid_values(spec: ModelSpec) -> Iterator[str]:
    if spec.contract is not None:
        yield from _in_contract(spec.contract)
    for tensor in (*spec.inputs, *spec.outputs):
        scale = tensor.quantization.scale if tensor.quantization else 1.0
        if not (math.isfinite(scale) and scale > 0) or (tensor.stride is not None and tensor.stride < 1):
            yield f"the scale {scale:g} or the stride {tensor.stride} of {tensor.name}"
    yield from _in_keypoints(spec, len(spec.keypoint_names))
    yield from _in_decoding(spec)
    if spec.cells is not None and not 1 <= spec.cells <= MAX_LENGTH:
        yield f"{spec.cells} cells"


def _in_decoding(spec: ModelSpec) -> Iterator[str]:
    decoder = decoder_poses_of(spec.family)
    if decoder is None:
        return
    try:
        options_of(decoder.OPTIONS, spec)
    except InputError as error:
        yield str(error)


def _in_keypoints(spec: ModelSpec, count: int) -> Iterator[str]:
    for first, second in spec.skeleton:
        if not (0 <= first < count and 0 <= second < count):
            yield f"the bone [{first}, {second}] of {count} keypoints"
    for joint in spec.heatmap_joints:
        if not 0 <= joint < count:
            yield f"the heatmap of keypoint {joint} of {count}"


def _in_contract(contract: InputContract) -> Iterator[str]:
    lengths = (contract.height, contract.width, contract.multiple)
    if 0 in contract.std or min(lengths) < 1:
        yield "a std or a length of 0"
    if max(lengths) > MAX_LENGTH:
        yield f"a length of {max(lengths)}, at most {MAX_LENGTH} allowed"
    if not all(map(math.isfinite, (*contract.mean, *contract.std))):
        yield "a mean or std that is not finite"
    if contract.padding is not None and not 0 <= contract.padding <= 255:
        yield f"the padding {contract.padding}"
    if not 0 < contract.margin <= MAX_MARGIN:
        yield f"the margin {contract.margin:g}"
