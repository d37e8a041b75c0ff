"""The description of a network without its weights: its tensors, its preprocessing and its keypoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from posedeploy.types.tensors import TensorSpec

ColorOrder: TypeAlias = Literal["BGR", "RGB"]
Fit: TypeAlias = Literal[
    "pad", "crop", "box", "center", "affine", "affine-udp", "letterbox", "letterbox-corner"
]
Embedded: TypeAlias = Literal["color", "normalization"]


@dataclass(frozen=True)
class InputContract:
    """The preprocessing that a network expects, from the pixels of a file to the input tensor.

    height, width: the published working size in px, and the default size of an export. With dynamic axes, the
    image is resized to ``height`` (bilinear) and keeps its aspect ratio.
    mean, std: a pixel becomes ``(value - mean) / std``, with values from 0 to 255, per channel in
    ``color_order``.
    fit: ``pad`` centers the image on a background of the whole pixel value nearest to the mean, up to a
    multiple of ``multiple`` and at least as wide as high. ``crop`` cuts the width down to a multiple. ``box``
    and ``center`` are for single-person networks: the person's box, widened to the aspect ratio of the input
    and ``margin`` times as large, fills the input, on a black background. Without a box, ``box`` uses a box
    around the whole image, and ``center`` the whole image without a margin. ``affine`` and ``affine-udp`` are
    ``box`` as in MMPose: the box is not clipped to the image, and with UDP the centers of the outermost
    pixels of both are aligned instead of the edges. ``letterbox`` scales the image to fit inside the input
    and centers it; ``letterbox-corner`` puts it in the top left corner.
    padding: the pixel value of the background of all fits for whole images; None for the value nearest to the
    mean.
    embedded: the steps that the model file does itself, which the caller must skip.
    """

    height: int
    width: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    color_order: ColorOrder = "BGR"
    fit: Fit = "pad"
    multiple: int = 8
    embedded: tuple[Embedded, ...] = ()
    margin: float = 1.25
    padding: int | None = None


@dataclass(frozen=True)
class JointsContract:
    """The preprocessing of a person's 2D joints.

    ``joint_set`` names the row of ``joint_sets.py`` with the order of the joints. The joints are taken
    relative to the tight box around them, grown to ``aspect`` (width over height) and then ``margin`` times
    as large. They are normalized per person and axis to a mean of 0 and a std of 1.
    """

    joint_set: str
    aspect: float = 288 / 384
    margin: float = 1.0


@dataclass(frozen=True)
class Limb:
    """Two keypoints that part affinity fields connect.

    start, end: indices of their heatmaps. channels: indices of the fields that hold x and y of the unit
    vector from ``start`` to ``end``.
    """

    start: int
    end: int
    channels: tuple[int, int]


@dataclass(frozen=True)
class ModelSpec:
    """The description of a network, sufficient to decode poses from an image without the checkpoint.

    family: the row of ``families.py`` whose decoding applies, or any other name for a network without
    decoding.
    contract: None for a network whose input is not an image.
    roles: output names by the role that the decoding uses, such as ``heatmaps``.
    unit: the unit of the decoded poses.
    joints: set for a network on 2D joints.
    cells: the number of cells per side (x, y and depth) of the volume in which mobile-human-pose outputs
    positions; None for other families.
    limbs: the limbs of a network with part affinity fields and its own keypoints. Those of the published
    networks are in the ``poses`` module of the family. heatmap_joints: the index of the keypoint of each
    heatmap of such a network, where the two orders differ.
    decoding: the options of a family of ``decoder_families.py``, as in ``[decoding]`` of a contract; empty
    for other families.
    """

    family: str
    variant: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    contract: InputContract | None = None
    roles: Mapping[str, str] = field(default_factory=dict)
    keypoint_names: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    unit: Literal["px", "mm"] = "px"
    joints: JointsContract | None = None
    cells: int | None = None
    limbs: tuple[Limb, ...] = ()
    heatmap_joints: tuple[int, ...] = ()
    decoding: Mapping[str, Any] = field(default_factory=dict)

    def output_of(self, role: str) -> TensorSpec | None:
        """Return the output of a role; None without one."""
        name = self.roles.get(role)
        return next((tensor for tensor in self.outputs if tensor.name == name), None)

    def channels_of(self, role: str) -> int | None:
        """Return the number of channels (of coordinates: joints) of the output of a role; None if unknown."""
        tensor = self.output_of(role)
        if tensor is None or len(tensor.shape) < 2:
            return None
        length = tensor.shape[-1 if tensor.layout == "NHWC" else 1]
        return length if isinstance(length, int) else None

    @property
    def map_stride(self) -> int | None:
        """Input pixels per cell of the output maps, as described; None where it follows from the shapes."""
        return next((spec.stride for spec in self.outputs if spec.stride is not None), None)

    def with_outputs(self, names: tuple[str, ...]) -> ModelSpec:
        """Return the spec with these outputs only."""
        return replace(self, outputs=tuple(spec for spec in self.outputs if spec.name in names))
