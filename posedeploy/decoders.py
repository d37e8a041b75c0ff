"""The decoding of a network, with positions refined between the cells of its heatmaps if requested."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias, cast

from posedeploy.errors import InputError
from posedeploy.families import HeatmapPoses, has_decoding, list_decodable, poses_of
from posedeploy.types import Camera, ModelSpec, Placed, Poses, Tensors

Decode: TypeAlias = Callable[[Tensors, Placed], Poses]
"""Turns the outputs for one image, or for people's joints, into poses."""


def has_heatmaps(family: str) -> bool:
    """Return whether the decoding of a family picks peaks of heatmaps, so that positions can be refined."""
    return has_decoding(family) and bool(poses_of(family).PEAK_ROLES)


def check_refine(spec: ModelSpec) -> None:
    """Check that the positions of a network can be refined.

    Raises:
        InputError: the family does not decode heatmaps.
    """
    if not has_heatmaps(spec.family):
        able = ", ".join(family for family in list_decodable() if has_heatmaps(family))
        raise InputError(
            f"`refine`: {spec.family} has no heatmaps, so its positions are not rounded to cells; leave it "
            f"out. The families with heatmaps are {able}"
        )


def decoder_of(spec: ModelSpec, camera: Camera, *, refine: bool = False) -> Decode:
    """Return the decoding of a network.

    Args:
        refine: positions lie between the cells of the heatmaps, at most half a cell from the published ones.

    Raises:
        InputError: the family is unknown, or ``refine`` is given and the family does not decode heatmaps.
    """
    family = poses_of(spec.family)
    if not refine:
        return lambda outputs, placement: family.decode(outputs, spec, placement, camera)
    check_refine(spec)
    decode = partial(cast("HeatmapPoses[Any]", family).decode, refine=True)
    return lambda outputs, placement: decode(outputs, spec, placement, camera)
