"""The exported form of Pose2Mesh's mesh network: the same outputs from operators that every runtime has.

It differs from the published form in four ways:

- The vertices that pad the coarsening are left out, almost half of all at the size of SMPL's mesh. They have
  no neighbors and their children are padding too, so no other vertex depends on them.
- A Chebyshev convolution ``x W0 + Lx W1 + (2LLx - x) W2`` becomes ``xA + L(xB + L(xC))``. The products with
  L are then as wide as the outputs, which at the large levels are never wider than the inputs. They run as
  tiles (``meshes.tiles``).
- Before each vertex is repeated, everything that needs no neighbors is computed.
- BatchNorm is folded into the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from posedeploy.meshes.levels import Level
from posedeploy.meshes.sparse import Sparse
from posedeploy.meshes.tiles import ROWS, build_tiles, order_in_patches
from posedeploy.types import Array


class PublishedLayers(Protocol):
    """The layers of the published form, in order."""

    fc: nn.Linear
    cl: nn.ModuleList
    bn: nn.ModuleList


@dataclass(frozen=True)
class OrderedLevel:
    """A level in the order of its tiles. vertex: (vertices,) the vertex of the level at each place."""

    level: Level
    vertex: Array

    @property
    def place(self) -> Array:
        """(vertices,) the place of each vertex of the level."""
        return np.argsort(self.vertex)

    @property
    def length(self) -> int:
        """The number of places, with those that fill the last tile."""
        return -(-len(self.vertex) // ROWS) * ROWS


def take(x: Tensor, rows: Tensor) -> Tensor:
    """Return ``x[:, rows]`` of (N, rows, F), for one or two axes of rows.

    As an index, it becomes two transpositions in ONNX, which in FP16 crash ONNX Runtime 1.31 on a CPU.
    """
    return torch.unflatten(x.index_select(1, rows.flatten()), 1, rows.shape)


class Product(nn.Module):
    """(N, inputs, F) to (N, places, F): the product of a sparse matrix with each person's vertices."""

    columns: Tensor
    blocks: Tensor

    def __init__(self, matrix: Sparse, rows: int = ROWS) -> None:
        super().__init__()
        tiles = build_tiles(matrix, rows)
        self.register_buffer("columns", torch.from_numpy(tiles.columns))
        self.register_buffer("blocks", torch.from_numpy(tiles.blocks))

    def forward(self, x: Tensor) -> Tensor:
        return torch.matmul(self.blocks, take(x, self.columns)).flatten(1, 2)


class Convolution(nn.Module):
    """A graph convolution with BatchNorm folded into its weights.

    ``first`` is the product with the input's vertices. ``repeat`` is the input vertex of each place; None if
    no vertex is repeated.
    """

    def __init__(
        self,
        layer: nn.Module,
        norm: nn.Module | None,
        first: Product,
        second: Product,
        repeat: Tensor | None = None,
    ) -> None:
        super().__init__()
        assert isinstance(layer, nn.Linear)
        weight, bias = layer.weight.double(), layer.bias.double()
        if norm is not None:
            assert isinstance(norm, nn.BatchNorm1d)
            assert norm.running_mean is not None and norm.running_var is not None
            scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
            weight = weight * scale[:, None]
            bias = (bias - norm.running_mean.double()) * scale + norm.bias.double()
        zeroth, once, twice = weight.T.reshape(-1, 3, len(bias)).unbind(1)
        for name, tensor in {"a": zeroth - twice, "b": once, "c": 2 * twice, "bias": bias}.items():
            self.register_buffer(name, tensor.float().contiguous())
        self.register_buffer("repeat", repeat)
        self.first, self.second = first, second
        self.relu = norm is not None

    a: Tensor
    b: Tensor
    c: Tensor
    bias: Tensor
    repeat: Tensor | None

    def forward(self, x: Tensor) -> Tensor:
        own, once = x @ self.a + self.bias, x @ self.b
        if self.repeat is not None:
            own, once = take(own, self.repeat), take(once, self.repeat)
        y = own + self.second(once + self.first(x @ self.c))
        return functional.relu(y) if self.relu else y


class Block(nn.Module):
    """A residual block of two convolutions on one level; the input is resized along its channels."""

    def __init__(self, convolutions: Sequence[Convolution], *, residual: bool) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(*convolutions)
        inputs, outputs = len(convolutions[0].a), len(convolutions[-1].bias)
        self.residual = residual
        resized = functional.interpolate(torch.eye(inputs)[None], size=outputs, mode="linear")[0]
        self.register_buffer("resized", None if inputs == outputs else resized)
        self.register_buffer("repeat", convolutions[0].repeat)

    resized: Tensor | None
    repeat: Tensor | None

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.convolutions(x)
        if not self.residual:
            return y
        before = x if self.resized is None else x @ self.resized
        return y + (before if self.repeat is None else take(before, self.repeat))


class TiledMeshNet(nn.Module):
    """(N, joints, 5) to (N, V, 3): the mesh's vertices in m, in the order of the mesh's file."""

    rows: Tensor
    vertices: Tensor

    def __init__(
        self, blocks: Sequence[Sequence[int]], net: PublishedLayers, joints: Sparse, levels: Sequence[Level]
    ) -> None:
        """Copy the weights of ``net``, which must be loaded."""
        super().__init__()
        self.fc = net.fc
        self.channels = blocks[1][0]
        ordered = [OrderedLevel(level, order_in_patches(level.laplacian)) for level in levels]
        products = [Product(_reorder(level, level)) for level in ordered]
        layers = iter(zip(net.cl, [*net.bn, None], strict=True))
        whole = Product(joints, joints.size)
        self.joints = nn.Sequential(*(Convolution(*next(layers), whole, whole) for _ in blocks[0][1:]))
        mesh_blocks = []
        for number in range(1, len(blocks)):
            last = number == len(blocks) - 1
            level = max(len(levels) - number, 0)
            first, repeat = products[level], None
            if number > 1 and not last:
                first, repeat = _after_repeating(ordered[level], ordered[level + 1])
            pair = [
                Convolution(*next(layers), first, products[level], repeat),
                Convolution(*next(layers), products[level], products[level]),
            ]
            mesh_blocks.append(Block(pair, residual=not last))
        self.blocks = nn.Sequential(*mesh_blocks)
        coarsest = ordered[-1]
        self.register_buffer("rows", _pad(coarsest.level.positions[coarsest.vertex], coarsest.length))
        self.register_buffer("vertices", torch.from_numpy(ordered[0].place))

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc(self.joints(x).flatten(1)).unflatten(1, (-1, self.channels))
        x = self.blocks(take(x, self.rows))
        return take(x, self.vertices)


def _reorder(level: OrderedLevel, columns: OrderedLevel, parents: Array | None = None) -> Sparse:
    """Return a level's Laplacian in the order of its tiles; with ``parents``, its columns are the next
    level's vertices."""
    matrix = level.level.laplacian
    inputs = matrix.columns if parents is None else parents[matrix.columns]
    return Sparse.from_entries(matrix.size, level.place[matrix.rows], columns.place[inputs], matrix.values)


def _after_repeating(fine: OrderedLevel, coarse: OrderedLevel) -> tuple[Product, Tensor]:
    """Return a level's Laplacian with the coarser level's vertices as columns, and the vertex of the coarser
    level that each place repeats."""
    parents = fine.level.parents
    repeat = _pad(coarse.place[parents[fine.vertex]], fine.length)
    return Product(_reorder(fine, coarse, parents)), repeat


def _pad(places: Array, length: int) -> Tensor:
    return torch.from_numpy(np.pad(places, (0, length - len(places))))
