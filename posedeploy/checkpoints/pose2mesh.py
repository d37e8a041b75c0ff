"""Pose2Mesh: from a person's 2D joints to 3D joints and the vertices of a mesh (arXiv:2008.09047).

The networks as published, with sparse products with the mesh's Laplacians. ``pose2mesh_tiled`` has the
exported form.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from posedeploy.checkpoints.pose2mesh_tiled import TiledMeshNet
from posedeploy.errors import CheckpointError, InputError, MeshMissingError
from posedeploy.families import joint_set, published_joint_set
from posedeploy.joint_sets import JointSet
from posedeploy.meshes.laplacians import build_joint_graph, compute_normalized_laplacian
from posedeploy.meshes.levels import Level, build_levels
from posedeploy.meshes.sparse import Sparse
from posedeploy.meshes.topology import Mesh
from posedeploy.printable import listed
from posedeploy.specs import joints_spec
from posedeploy.types import ModelSpec

FAMILY = "pose2mesh"
HIDDEN, STAGES = 4096, 2
PUBLISHED_MESHES = {12288: "SMPL with 6890 vertices", 1088: "MANO with 778 vertices"}
"""Meshes by their number of vertices after padding for the coarsening."""


class Stage(nn.Module):
    """A residual block of two layers, each after BatchNorm and ReLU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.w1 = nn.Linear(width, width)
        self.batch_norm1 = nn.BatchNorm1d(width)
        self.w2 = nn.Linear(width, width)
        self.batch_norm2 = nn.BatchNorm1d(width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.w1(functional.relu(self.batch_norm1(x)))
        result: Tensor = x + self.w2(functional.relu(self.batch_norm2(y)))
        return result


class LifterNetwork(nn.Module):
    """(N, joints, 2) joints to (N, joints, 3) in mm. ``batch_norm1`` is in the checkpoints but not used."""

    def __init__(self, joints: int, width: int = HIDDEN, stages: int = STAGES) -> None:
        super().__init__()
        self.w1 = nn.Linear(2 * joints, width)
        self.batch_norm1 = nn.BatchNorm1d(width)
        self.linear_stages = nn.ModuleList(Stage(width) for _ in range(stages))
        self.w2 = nn.Linear(width, 3 * joints)

    def forward(self, pose2d: Tensor) -> Tensor:
        x = self.w1(pose2d.flatten(1))
        for stage in self.linear_stages:
            x = stage(x)
        result: Tensor = self.w2(x)
        return result.reshape(-1, pose2d.shape[1], 3)


@dataclass(frozen=True)
class MeshNetWidths:
    """Channels before and after each graph convolution; the first block has three, every other two."""

    blocks: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, shapes: dict[str, tuple[int, ...]]) -> MeshNetWidths:
        """Return the widths by the shapes of ``cl.N.weight``: (outputs, 3 * inputs).

        Raises:
            CheckpointError: one of them is missing, or there are fewer than ``MIN_LAYERS``.
        """
        numbers = [int(match[1]) for name in shapes if (match := re.fullmatch(LAYER, name))]
        count = max([MIN_LAYERS, *(number + 1 for number in numbers)])
        expected = ["pose2mesh.fc.weight", *(f"pose2mesh.cl.{index}.weight" for index in range(count))]
        if missing := [name for name in expected if name not in shapes]:
            raise CheckpointError(
                f"a pose2mesh checkpoint without {listed(missing)}: cut off, or your own variant; pass a "
                "variant as `network=FILE.py:FUNCTION`"
            )
        layers = [shapes[name] for name in expected[1:]]
        ends = [0, *range(3, count + 1, 2)]
        return cls(
            tuple(
                (layers[a][1] // ORDERS, *(outputs for outputs, _ in layers[a:b])) for a, b in pairwise(ends)
            )
        )

    @property
    def levels(self) -> int:
        """The number of times that the mesh is coarsened."""
        return len(self.blocks) - 1


LAYER = r"pose2mesh\.cl\.(\d+)\.weight"
MIN_LAYERS = 7
"""Three on the joints and two each on the coarsest level and the mesh."""
ORDERS = 3
"""Chebyshev polynomials of each convolution."""


class MeshNet(nn.Module):
    """(N, joints, 5) to (N, whole, 3): vertices in m, in the order of the coarsening, with its padding."""

    def __init__(self, widths: MeshNetWidths, joints: Sparse, levels: Sequence[Level]) -> None:
        super().__init__()
        self.widths = widths
        self.graphs = len(levels)
        self.fc = nn.Linear(joints.size * widths.blocks[0][-1], levels[-1].tree_size * widths.blocks[1][0])
        pairs = [pair for block in widths.blocks for pair in pairwise(block)]
        self.cl = nn.ModuleList(nn.Linear(ORDERS * inputs, outputs) for inputs, outputs in pairs)
        self.bn = nn.ModuleList(nn.BatchNorm1d(outputs) for _, outputs in pairs[:-1])
        self.register_buffer("joints_laplacian", _torch_sparse(joints), persistent=False)
        for index, level in enumerate(levels):
            laplacian = _torch_sparse(level.tree_laplacian())
            self.register_buffer(f"level{index}_laplacian", laplacian, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        blocks = self.widths.blocks
        number = 0
        for index, block in enumerate(blocks):
            before = x
            for _ in block[1:]:
                x = self._convolved(x, number, self._laplacian(index))
                number += 1
            if index == 0:
                x = self.fc(x.flatten(1)).reshape(len(x), -1, blocks[1][0])
            elif index < len(blocks) - 1:
                x = x + functional.interpolate(before, size=x.shape[2], mode="linear")
                x = x.repeat_interleave(2, dim=1) if index < len(blocks) - 2 else x
        return x

    def _laplacian(self, block: int) -> Tensor:
        """Return a block's Laplacian: the first is on the joints, the next on the coarsest level, the last
        two on the mesh."""
        name = "joints" if block == 0 else f"level{max(self.graphs - block, 0)}"
        laplacian: Tensor = self.get_buffer(f"{name}_laplacian")
        return laplacian

    def _convolved(self, x: Tensor, number: int, laplacian: Tensor) -> Tensor:
        count, vertices, channels = x.shape
        first = x.permute(1, 2, 0).reshape(vertices, -1)
        second = torch.sparse.mm(laplacian, first)
        third = 2 * torch.sparse.mm(laplacian, second) - first
        basis = torch.stack([first, second, third]).reshape(ORDERS, vertices, channels, count)
        x = self.cl[number](basis.permute(3, 1, 2, 0).reshape(count * vertices, -1))
        if number < len(self.bn):
            x = functional.relu(self.bn[number](x))
        return x.reshape(count, vertices, -1)


def _torch_sparse(matrix: Sparse) -> Tensor:
    indices = torch.stack([torch.from_numpy(matrix.rows), torch.from_numpy(matrix.columns)])
    values = torch.from_numpy(matrix.values).float()
    # As an argument of the tensor, PyTorch 2.11 warns about the default of the check.
    with torch.sparse.check_sparse_tensor_invariants():  # type: ignore[no-untyped-call]
        return torch.sparse_coo_tensor(indices, values, (matrix.size, matrix.size)).coalesce()


class Pose2Mesh(nn.Module):
    """(N, joints, 2) joints to (N, V, 3) vertices in m, in the mesh's own order, and (N, joints, 3) in mm."""

    def __init__(
        self, lifter: LifterNetwork, widths: MeshNetWidths, joint_set: JointSet, levels: Sequence[Level]
    ) -> None:
        super().__init__()
        joints = compute_normalized_laplacian(build_joint_graph(joint_set))  # not rescaled, as published
        self.pose_lifter = lifter
        self.pose2mesh = MeshNet(widths, joints, levels)
        self._joints, self._levels = joints, levels
        self.register_buffer("vertices", torch.from_numpy(levels[0].positions), persistent=False)

    vertices: Tensor

    def forward(self, pose2d: Tensor) -> tuple[Tensor, Tensor]:
        pose3d = self.pose_lifter(pose2d)
        mesh = self.pose2mesh(torch.cat([pose2d, pose3d / 1000], dim=2))
        return mesh[:, self.vertices], pose3d

    def export_form(self) -> nn.Module:
        """Return the network with tiles in place of sparse products, and without the padding vertices, on
        which no other vertex depends."""
        net = self.pose2mesh
        return TiledPose2Mesh(
            self.pose_lifter, TiledMeshNet(net.widths.blocks, net, self._joints, self._levels)
        )


class TiledPose2Mesh(nn.Module):
    """``Pose2Mesh`` with another mesh network; the lifter is shared."""

    def __init__(self, lifter: nn.Module, mesh: nn.Module) -> None:
        super().__init__()
        self.pose_lifter = lifter
        self.pose2mesh = mesh

    def forward(self, pose2d: Tensor) -> tuple[Tensor, Tensor]:
        pose3d = self.pose_lifter(pose2d)
        return self.pose2mesh(torch.cat([pose2d, pose3d / 1000], dim=2)), pose3d


def recognizes(shapes: dict[str, tuple[int, ...]]) -> bool:
    """Return whether these are the tensors of this network, or of its lifter alone."""
    return any(f"{prefix}linear_stages.0.w1.weight" in shapes for prefix in ("", "pose_lifter."))


def build(shapes: dict[str, tuple[int, ...]], mesh: Mesh | None = None) -> tuple[nn.Module, ModelSpec]:
    """Return the variant with these shapes, its weights still random, and its spec.

    Args:
        mesh: the topology of the training; None for the lifter alone.

    Raises:
        MeshMissingError: the checkpoint needs a mesh, and ``mesh`` is None.
        InputError: a mesh is passed for the lifter alone, or differs from that of the training; or the joint
            set is unknown.
        CheckpointError: a tensor that determines the variant is missing.
    """
    has_mesh = any(name.startswith("pose2mesh.") for name in shapes)
    prefix = "pose_lifter." if has_mesh else ""
    hidden, inputs = shapes.get(f"{prefix}w1.weight", (HIDDEN, 2 * 17))
    joints = published_joint_set(FAMILY, inputs // 2) if has_mesh else joint_set(FAMILY, inputs // 2)
    stages = sum(
        name.startswith(f"{prefix}linear_stages.") and name.endswith(".w1.weight") for name in shapes
    )
    lifter = LifterNetwork(len(joints), hidden, stages or STAGES)
    if not has_mesh:
        if mesh is not None:
            raise InputError(
                f"`mesh={mesh.path}`: this checkpoint is the lifter alone, which has no mesh; leave it out"
            )
        return lifter, joints_spec(FAMILY, joints)
    if mesh is None:
        raise MeshMissingError(
            "this checkpoint of pose2mesh does not hold the triangles of its mesh; pass a file with them as "
            "`mesh`, such as smpl_faces.npy (also .npz, .obj, .pkl)",
            FAMILY,
        )
    widths = MeshNetWidths.of(shapes)
    levels = build_levels(mesh.faces, widths.levels)
    _check_mesh(mesh, levels, shapes["pose2mesh.fc.weight"][0] // widths.blocks[1][0])
    return Pose2Mesh(lifter, widths, joints, levels), joints_spec(FAMILY, joints, mesh.vertices)


def _check_mesh(mesh: Mesh, levels: Sequence[Level], coarsest: int) -> None:
    """Raise an error unless the mesh has the checkpoint's number of vertices at the coarsest level."""
    trained = coarsest * 2 ** (len(levels) - 1)
    if levels[-1].tree_size != coarsest:
        known = f" ({PUBLISHED_MESHES[trained]})" if trained in PUBLISHED_MESHES else ""
        raise InputError(
            f"`mesh={mesh.path}`: {mesh.vertices} vertices, {levels[0].tree_size} after padding for the "
            f"coarsening, but the checkpoint was trained on a mesh with {trained} after padding{known}; pass "
            "that mesh"
        )
