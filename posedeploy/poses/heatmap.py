"""heatmap: one person in a box, from a heatmap for each keypoint.

Sources: Sun et al., "Deep High-Resolution Representation Learning for Human Pose Estimation"
(arXiv:1902.09212), and Xiao et al., "Simple Baselines" (arXiv:1804.06208), for the quarter offset. The others
are in ``dark.py``. The order of operations is that of MMPose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
import numpy as np

from posedeploy.decoding_options import options_of
from posedeploy.errors import InputError
from posedeploy.poses import top_down
from posedeploy.poses.dark import Blur, Border, refine_dark, refine_dark_udp
from posedeploy.poses.maps import find_highest, select_maps
from posedeploy.poses.refinement import refine_cells
from posedeploy.types import Array, Camera, InputContract, ModelSpec, Placement, Poses, Tensors

JOINT_SETS = top_down.JOINT_SETS
CONTRACT = top_down.CONTRACT
CONTRACTS: Mapping[int, InputContract] = {}
UNIT: Final = "px"
ROLES = ("heatmaps",)
NEEDED_ROLES = ROLES
PEAK_ROLES = ROLES
DECISION_ROLES = ()
DEPTH_ROLE: Final = None
MESH_ROLE: Final = None
CHANNELS: Mapping[str, int] = {}
KEYPOINTS_OF = ("heatmaps", 0, 1)
QUARTER = 0.25
"""Distance of the quarter offset, in cells."""

_Kernel: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=99)]
_Sigma: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=99)]


@dataclass(frozen=True)
class HeatmapOptions:
    """The positions between the cells.

    refinement: ``none`` returns the highest cell. ``quarter`` moves it by a quarter of a cell towards the
    higher neighbor on each axis. ``dark`` takes a step of Newton's method on the blurred map.
    udp: 0 and 1 are the centers of the outermost cells instead of the edges, as in networks trained with UDP;
    ``dark`` then has the derivatives of UDP.
    kernel: the size of the blur of ``dark`` in cells, odd: 11 for maps of sigma 2, 17 for sigma 3.
    sigma: the std of the blur in cells; 0 derives it from ``kernel``, as OpenCV does.
    border: the values around a map in the blur. ``default`` means ``zeros`` or, with ``udp``, ``mirror``;
    ``reflect`` repeats the outermost cells.
    """

    refinement: Literal["none", "quarter", "dark"] = "quarter"
    udp: bool = False
    kernel: _Kernel = 11
    sigma: _Sigma = 0.0
    border: Literal["default"] | Border = "default"

    def __post_init__(self) -> None:
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel is {self.kernel}; expected an odd number")

    @property
    def blur(self) -> Blur:
        """The blur of ``dark``."""
        default: Border = "mirror" if self.udp else "zeros"
        return Blur(self.kernel, self.sigma, default if self.border == "default" else self.border)


OPTIONS = HeatmapOptions


def count_keypoints(spec: ModelSpec) -> int | None:
    """Return the channels of the heatmaps."""
    return spec.channels_of("heatmaps")


def unit_of(spec: ModelSpec) -> Literal["px"]:
    """Return the unit of the poses."""
    return "px"


def find_missing_description(spec: ModelSpec) -> str | None:
    """Return the message about a network whose number of keypoints is unknown."""
    return top_down.describe_unknown_keypoints(spec)


def check(spec: ModelSpec, where: str) -> None:
    """Check that the heatmaps have the aspect ratio of the input.

    Raises:
        InputError: they have another one, or other axes.
    """
    maps = spec.output_of("heatmaps")
    if maps is None or not spec.inputs:
        return
    if len(maps.shape) != 4:
        raise InputError(
            f"{where}: heatmaps is {maps}, expected (1, keypoints, height, width); correct the name or the "
            "layout under [outputs]"
        )
    (height, width), (high, wide) = maps.image_size, spec.inputs[0].image_size
    if isinstance(height, str) or isinstance(width, str) or isinstance(high, str) or isinstance(wide, str):
        return
    if height * wide != width * high:
        raise InputError(
            f"{where}: heatmaps of {width}x{height} cells do not have the aspect ratio of the input of "
            f'{wide}x{high} px; if the channels are last, write layout = "NHWC" under [outputs.heatmaps]'
        )


def decode(
    outputs: Tensors, spec: ModelSpec, placement: Placement, camera: Camera, *, refine: bool = False
) -> Poses:
    """Return the person of a box, from (1, keypoints, h, w) heatmaps.

    A score is the highest value of a map. A keypoint whose score is not above 0 is missing.

    Args:
        refine: move positions by up to half a cell (``refinement.py``) instead of the quarter offset. Those
            of ``dark`` are already between the cells and do not change.

    Raises:
        InputError: the output is missing or has another shape, or the keypoints are unknown.
    """
    options = options_of(HeatmapOptions, spec)
    top_down.select_output(outputs, spec, "heatmaps")
    maps = select_maps(outputs, spec, {"heatmaps": len(spec.keypoint_names)})[0]
    cells = find_highest(maps)
    scores = maps[np.arange(len(maps)), cells[:, 1], cells[:, 0]]
    positions = _refine(maps, cells, options, refine=refine)
    extent = np.maximum(np.array(maps.shape[:0:-1]) - options.udp, 1)
    return top_down.to_poses(top_down.in_image(positions / extent, spec, placement), scores, scores > 0)


def _refine(maps: Array, cells: Array, options: HeatmapOptions, *, refine: bool) -> Array:
    """Return (keypoints, 2) x, y in cells."""
    if options.refinement == "dark":
        method = refine_dark_udp if options.udp else refine_dark
        return method(maps, cells, options.blur)
    if refine:
        return refine_cells(maps, np.arange(len(maps)), cells)
    return _move_by_quarter(maps, cells) if options.refinement == "quarter" else cells


def _move_by_quarter(maps: Array, cells: Array) -> Array:
    """Return the cells moved towards the higher neighbors, as published not along an axis whose border is at
    most one cell away, or two in front."""
    height, width = maps.shape[1:]
    x, y = cells.T
    joints = np.arange(len(maps))
    left, right = np.maximum(x - 1, 0), np.minimum(x + 1, width - 1)
    up, down = np.maximum(y - 1, 0), np.minimum(y + 1, height - 1)
    dx = np.sign(maps[joints, y, right] - maps[joints, y, left]) * ((x > 1) & (x < width - 1) & (y > 0))
    dy = np.sign(maps[joints, down, x] - maps[joints, up, x]) * ((y > 1) & (y < height - 1) & (x > 0))
    moved: Array = cells + QUARTER * np.stack([dx, dy], axis=1)
    return moved
