"""The nouns that every room shares: plain frozen data, no framework, no behavior beyond derived values.

Coordinates are px of the image that the user gave, x to the right and y down, unless a name says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path  # here, not for types alone: msgspec reads the annotations
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from posedeploy.devices import normalize_device
from posedeploy.file_states import FileState

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"
Tensors: TypeAlias = dict[str, Array]
"""Arrays by tensor name."""
Ranges: TypeAlias = Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]
"""The smallest and the largest shape of inputs, by name."""

Layout: TypeAlias = Literal["NCHW", "NHWC"]
IntegerDtype: TypeAlias = Literal["uint8", "int8", "uint16", "int16"]
"""What quantized tensors are of."""
FloatDtype: TypeAlias = Literal["float32", "float16"]
ColorOrder: TypeAlias = Literal["BGR", "RGB"]
Fit: TypeAlias = Literal["pad", "crop", "box", "center"]
Embedded: TypeAlias = Literal["color", "normalization"]
Precision: TypeAlias = Literal["fp32", "tf32", "fp16", "bf16", "auto"]
Hint: TypeAlias = Literal["latency", "throughput"]
TO_CHANNELS_LAST, TO_CHANNELS_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)
"""How the axes of an image or of maps are permuted from NCHW to NHWC, and back."""
Dimension: TypeAlias = int | str
"""A length, or the name of an axis whose length is free."""
StageCount: TypeAlias = int | Literal["all"]
"""How many refinement stages of a checkpoint to use."""
OnProgress: TypeAlias = Callable[[str, float], None]
"""Called with what is being done and which part of the whole is done, 0 to 1."""


@dataclass(frozen=True)
class Quantization:
    """How the integers of a tensor stand for real numbers: ``real = (integer - zero_point) * scale``."""

    scale: float
    zero_point: int = 0

    def __str__(self) -> str:
        return f"scale {self.scale:.6g}, zero point {self.zero_point}"


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of a network: its name, shape, NumPy dtype name and, for images and maps, layout.

    ``quantization`` is that of a tensor of integers which stand for real numbers; None for floats, for raw
    bytes and where it is unknown. ``stride`` is the number of input pixels per cell of an output map, None
    where it follows from the shapes.
    """

    name: str
    shape: tuple[Dimension, ...]
    dtype: str = "float32"
    layout: Layout | None = None
    quantization: Quantization | None = None
    stride: int | None = None

    @property
    def is_dynamic(self) -> bool:
        """Whether any axis has a free length."""
        return any(isinstance(length, str) for length in self.shape)

    @property
    def image_size(self) -> tuple[Dimension, Dimension]:
        """(height, width) of an image in this tensor, by its layout (NCHW where it has none)."""
        height, width = self.shape[1:3] if self.layout == "NHWC" else self.shape[2:4]
        return height, width

    def accepts(self, shape: tuple[int, ...]) -> bool:
        """Whether an array of this shape fits: same rank, and equal along every fixed axis."""
        return len(shape) == len(self.shape) and all(
            isinstance(want, str) or want == got for want, got in zip(self.shape, shape, strict=True)
        )

    def fixed(self, lengths: Mapping[str, int]) -> TensorSpec:
        """The same tensor with free axes at these lengths; ``height/8`` is an eighth of ``height``."""
        return replace(self, shape=tuple(_length(axis, lengths) for axis in self.shape))

    def __str__(self) -> str:
        shape = "x".join(str(length) for length in self.shape)
        words = f"{self.name} {self.dtype} {shape}" + (f" {self.layout}" if self.layout else "")
        return words + (f" ({self.quantization})" if self.quantization else "")


def _length(axis: Dimension, lengths: Mapping[str, int]) -> Dimension:
    if isinstance(axis, int):
        return axis
    name, _, ratio = axis.partition("/")
    return lengths[name] // int(ratio or 1) if name in lengths else axis


@dataclass(frozen=True)
class InputContract:
    """What a network expects of an image, from the file's pixels to the input tensor.

    A pixel becomes ``(value - mean) / std``, values 0 to 255, per channel in ``color_order``.
    ``height`` and ``width`` are the published working size in pixels, that of an export unless another is
    asked for. Where the input's axes are free, the image is resized to that height (bilinear), keeping its
    aspect. ``pad`` then centers it on a ground of the whole pixel value nearest to the mean, up to a multiple
    of ``multiple`` and at least ``height`` wide; ``crop`` cuts the width down to a multiple. ``box`` and
    ``center`` are for networks of one person, whose box, widened to the input's aspect and ``margin`` times
    as large, fills the input, on a black ground; where no box is given, ``box`` takes that of the whole image
    and ``center`` the whole image without a margin. ``embedded`` names the steps that an artifact already
    holds inside, which a caller must therefore leave out.
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


@dataclass(frozen=True)
class JointsContract:
    """What a network expects of a person's 2D joints.

    ``joint_set`` names the row of ``joint_sets.py`` that has their order. The joints are those in the tight
    box around them, grown to ``aspect`` (width over height) and then ``margin`` times as large, normalized
    per person and axis to a mean of 0 and a std of 1.
    """

    joint_set: str
    aspect: float = 288 / 384
    margin: float = 1.0


@dataclass(frozen=True)
class Limb:
    """Two keypoints that a network's part affinity fields join.

    start, end: which heatmaps hold them, counted from 0. channels: those of the fields that hold x and y of
    the unit vector from ``start`` to ``end``.
    """

    start: int
    end: int
    channels: tuple[int, int]


@dataclass(frozen=True)
class ModelSpec:
    """What a network is, apart from its weights: enough to turn an image into poses without the checkpoint.

    ``family`` names the row of ``families.py`` whose decoding applies, or anything else for a network that
    has none here. ``roles`` maps what the decoding asks for (such as ``heatmaps``) to output names.
    ``contract`` is None for a network whose inputs are not an image; ``joints`` is there for one on the 2D
    joints of people. ``unit`` is that of the family's result, ``px`` or ``mm``. ``cells`` is the number of
    cells that make the input's width, for a network whose outputs are positions in cells and not maps.
    ``limbs`` are those of a network that has keypoints of its own and finds people by part affinity fields;
    the published networks' stand in their family's ``poses`` module. ``heatmap_joints`` says which of the
    keypoints each heatmap of such a network finds, where they are not the same.
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

    def channels_of(self, role: str) -> int | None:
        """How many channels (joints, of coordinates) the output of a role has; None where nothing says."""
        for tensor in self.outputs:
            if tensor.name == self.roles.get(role) and len(tensor.shape) > 1:
                length = tensor.shape[-1 if tensor.layout == "NHWC" else 1]
                return length if isinstance(length, int) else None
        return None

    @property
    def map_stride(self) -> int | None:
        """Input pixels per cell of the output maps, as described; None where it follows from the shapes."""
        return next((spec.stride for spec in self.outputs if spec.stride is not None), None)

    def with_outputs(self, names: tuple[str, ...]) -> ModelSpec:
        """The same network with only these outputs kept."""
        return replace(self, outputs=tuple(spec for spec in self.outputs if spec.name in names))


@dataclass(frozen=True)
class Stages:
    """The refinement stages of a network: the first ``used`` of the ``stored`` ones in its checkpoint."""

    used: int
    stored: int

    @property
    def discarded(self) -> tuple[str, ...]:
        """The modules whose tensors are in the checkpoint and not in the network."""
        return tuple(f"refinement_stages.{number}" for number in range(self.used, self.stored))

    def __str__(self) -> str:
        unused = f"; not used: {', '.join(self.discarded)}" if self.discarded else ""
        return f"{self.used} of the {self.stored} in the checkpoint{unused}"


@dataclass(frozen=True)
class Weights:
    """Where in a checkpoint the weights of a network were.

    key: which set of weights it is, as ``weights`` takes it; "." for tensors at the top of the file.
    prefix: what stood before every name and was taken off; ``unwrapped`` are the wrappers that were taken out
    of the names, such as ``_orig_mod``. module: the class of a whole module that was saved in place of its
    state dict. inside: the archives around the checkpoint. others: the other sets of weights that fit the
    network as well. beside: what else the file holds.
    """

    key: str = "."
    prefix: str = ""
    unwrapped: tuple[str, ...] = ()
    module: str | None = None
    inside: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Model:
    """A network with its weights: in eval mode, on the CPU, in float32.

    ``source`` is the checkpoint's path, None for the built-in sample; ``sha256`` is the hash of that file, or
    of the sample's tensors. ``network`` is the ``file.py:function`` that built a user's own network, and
    ``network_sha256`` the hash of that file. ``mesh`` is the file of the mesh that the network stands on, and
    ``mesh_sha256`` the hash of the triangles in it, which is the same whatever kind of file holds them.
    ``deployed`` is the same network as targets get it, where that is written otherwise. ``stages`` is None
    for a network without refinement stages to choose from. ``weights`` is where in the checkpoint they were,
    and ``stored`` are the tensors as they are there.
    """

    module: nn.Module
    spec: ModelSpec
    source: Path | None
    sha256: str
    network: str | None = None
    network_sha256: str | None = None
    mesh: Path | None = None
    mesh_sha256: str | None = None
    deployed: nn.Module | None = None
    stages: Stages | None = None
    weights: Weights | None = None
    stored: tuple[TensorSpec, ...] = ()


@dataclass(frozen=True)
class Provenance:
    """Where an artifact came from: checkpoint (None: the built-in sample), package versions, options.

    ``network_sha256`` is the hash of the user's own file that ``network`` names, ``mesh_sha256`` that of the
    triangles in the file ``mesh``. ``stages`` and ``weights`` are as in ``Model``.
    """

    checkpoint: str | None
    checkpoint_sha256: str
    network: str | None = None
    packages: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    created: str = ""
    network_sha256: str | None = None
    mesh: str | None = None
    mesh_sha256: str | None = None
    stages: Stages | None = None
    weights: Weights | None = None


@dataclass(frozen=True)
class Artifact:
    """A deployable model file, with what its manifest says of it.

    ``files`` maps the name of each file that belongs to it, beside ``path``, to its SHA-256. A model made by
    others has no manifest: ``provenance`` is then None, ``files`` empty, and the family of the spec
    ``unknown`` until the user gives a contract. ``details`` is what only the target's own runtime needs to
    know of the file, as its converter returned it: JSON. ``beside`` are the files that were written beside
    and that it does not need, as ``files`` has them: an export in its place replaces or removes them.
    ``states`` are those of the files when they were hashed or, without recorded hashes, opened.
    """

    path: Path
    target: str
    spec: ModelSpec
    precision: str
    files: Mapping[str, str] = field(default_factory=dict)
    provenance: Provenance | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    beside: Mapping[str, str] = field(default_factory=dict)
    states: Mapping[str, FileState] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True)
class RunOptions:
    """How an artifact is to be run. ``threads`` None is one per physical core that this process may use.

    ``device``: one of ``devices.DEVICES``, in any case. ``cuda_graphs``: on a GPU, networks of fixed shapes
    are recorded and replayed as one CUDA graph.
    """

    device: str = "cpu"
    precision: Precision = "fp32"
    threads: int | None = None
    hint: Hint = "latency"
    cuda_graphs: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "device", normalize_device(self.device))


@dataclass(frozen=True)
class RuntimeInfo:
    """What a runtime really uses, as read back from it. ``threads`` is None for a device without threads."""

    runtime: str
    version: str
    device: str
    precision: str
    threads: int | None
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Placement:
    """Where an image lies in the network's input: ``input = image * scale + offset``, in px, per axis x, y.

    The scale is the resize factor as published (one factor for both axes, before rounding to whole pixels).
    Sizes are (width, height) in px. The offset is whole where the image was resized, and is not where a box
    was cut out of it.
    """

    scale: float
    offset: tuple[float, float]
    image_size: tuple[int, int]
    input_size: tuple[int, int]


@dataclass(frozen=True)
class PlacedJoints:
    """The people whose joints are in a network's input, one in each row of the batch.

    joints: (people, joints, 3) x px, y px, score, in the order of the network's joint set.
    """

    joints: Array

    def __len__(self) -> int:
        return len(self.joints)


Placed: TypeAlias = Placement | PlacedJoints
"""What decoding must know of the input."""


@dataclass(frozen=True)
class Camera:
    """The user's camera, for families whose poses are 3D.

    fx: focal length in px of the image, None where unknown (then 0.8 times the image's width, as published).
    rotation (3, 3) and translation (3,) in mm take world to camera coordinates, ``camera = R world + t``;
    where they are given, poses come in world coordinates.
    """

    fx: float | None = None
    rotation: Array | None = None
    translation: Array | None = None


@dataclass(frozen=True)
class Poses:
    """The people found in one image.

    keypoints: (people, keypoints, 3) x px, y px, score; -1 in all three where a keypoint is missing.
    scores: (people,) the decoder's confidence in a person, as published: a sum over keypoints and limbs.
    keypoints_3d: (people, joints, 4) x, y, z in mm and the score (-1: not seen in 2D), in the coordinates of
    the camera, or of the world where the ``Camera`` has a pose; None for a family without.
    ids: (people,) numbers that persist through a video, under 0 for people who have no id yet; or None.
    vertices: (people, vertices, 3) x, y, z in mm of each person's mesh, relative to the pelvis as far as the
    network was trained so, in the order of the mesh's file; None for a family without.
    from_root: 3D positions are from each person's own root (pelvis, wrist) on: the network does not say where
    the person stands.
    """

    keypoints: Array
    scores: Array
    keypoints_3d: Array | None = None
    ids: Array | None = None
    vertices: Array | None = None
    from_root: bool = False

    def __len__(self) -> int:
        return len(self.keypoints)

    @property
    def boxes(self) -> Array:
        """(people, 4) the tight box x, y, width, height around each person's found keypoints, in px."""
        found = self.keypoints[..., 2:] >= 0
        points = self.keypoints[..., :2]
        low = points.min(axis=1, where=found, initial=float("inf"))
        box: Array = self.keypoints[:, 0, [0, 1, 0, 1]]
        box[:, :2] = low
        box[:, 2:] = points.max(axis=1, where=found, initial=float("-inf")) - low
        return box
