"""GTRS: from a person's 2D joints to 3D joints and SMPL's mesh by a graph transformer (arXiv:2111.12696).

The checkpoint is enough: it holds the graph of the joints and the mean mesh as tensors.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from posedeploy.families import joint_set
from posedeploy.specs import joints_spec
from posedeploy.types import ModelSpec

FAMILY = "gtrs"
WIDTH, HEADS, MLP_RATIO, CONV_WIDTH, TOKENS, VERTICES = 128, 8, 4, 32, 15, 6890
"""Channels, attention heads, the hidden width of an MLP over its channels, the hidden width of the
convolutions over joints, tokens of the mean mesh, vertices of SMPL's mesh."""
BRANCHES, GRAPH_BRANCHES = 6, 2
"""Parallel blocks, and how many of them are on the graph of the joints; the others learn a graph."""


class GraphConvolution(nn.Module):
    """(N, joints, inputs) to (N, joints, outputs): a joint's own features and those of its neighbors, each
    modulated per joint.

    The adjacency matrix is an argument of ``forward``, or the parameter ``adj`` if it is learned.
    """

    def __init__(self, joints: int, inputs: int, outputs: int, *, learned: bool) -> None:
        super().__init__()
        if learned:
            self.adj = nn.Parameter(torch.eye(joints))
        self.W = nn.Parameter(torch.zeros(2, inputs, outputs))
        self.M = nn.Parameter(torch.zeros(joints, outputs))
        self.adj2 = nn.Parameter(torch.zeros(joints, joints))
        self.bias = nn.Parameter(torch.zeros(outputs))
        # torch.diag would become a comparison and a select, which XNNPACK does not run, in each of 25 layers.
        self.register_buffer("identity", torch.eye(joints), persistent=False)

    identity: Tensor

    def forward(self, x: Tensor, adjacency: Tensor | None = None) -> Tensor:
        graph = (self.adj if adjacency is None else adjacency) + self.adj2
        graph = (graph + graph.T) / 2
        own = (graph * self.identity).sum(dim=0)
        others = graph - graph * self.identity
        result: Tensor = (
            own[:, None] * self.M * (x @ self.W[0]) + others @ (self.M * (x @ self.W[1])) + self.bias
        )
        return result


class Attention(nn.Module):
    """Every joint attends to every joint, in ``HEADS`` heads."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=-1)
        )
        weights = functional.softmax(query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5, dim=-1)
        result: Tensor = self.proj((weights @ value).transpose(1, 2).flatten(2))
        return result


class JointConvolution(nn.Module):
    """Convolutions along the channels, with the joints as the channels of ``Conv1d``."""

    def __init__(self, joints: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(joints, CONV_WIDTH, 1)
        self.conv2 = nn.Conv1d(joints, CONV_WIDTH, 3, padding=1)
        self.conv3 = nn.Conv1d(CONV_WIDTH, joints, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.conv3(functional.gelu(self.conv1(x)) + functional.gelu(self.conv2(x)))
        return result


class GatedMlp(nn.Module):
    """An MLP over the channels; each joint is multiplied by a gate computed from all joints."""

    def __init__(self, joints: int, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, MLP_RATIO * width)
        self.fc2 = nn.Linear(MLP_RATIO * width, width)
        self.fc_down1 = nn.Linear(joints * width, joints)
        self.fc_down2 = nn.Linear(joints, 2 * joints)
        self.fc_down3 = nn.Linear(2 * joints, joints)

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc2(functional.gelu(self.fc1(x)))
        gate = functional.gelu(self.fc_down1(x.flatten(1)))
        gate = torch.sigmoid(self.fc_down3(functional.gelu(self.fc_down2(gate))))
        return x * gate.unsqueeze(-1)


class PoseBlock(nn.Module):
    """A graph convolution, then attention in parallel with convolutions, then an MLP; residual but for the
    first."""

    def __init__(self, joints: int, width: int, *, learned: bool) -> None:
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.mgcn = GraphConvolution(joints, width, width, learned=learned)
        self.attn = Attention(width)
        self.conv = JointConvolution(joints)
        self.mlpse = GatedMlp(joints, width)

    def forward(self, x: Tensor, adjacency: Tensor | None) -> Tensor:
        x = self.mgcn(x, adjacency)
        x = x + self.attn(self.norm1(x)) + self.conv(self.norm2(x))
        result: Tensor = x + self.mlpse(self.norm3(x))
        return result


class ParallelBlocks(nn.Module):
    """A weighted sum of parallel blocks: two on the graph of the joints, the others on learned graphs."""

    def __init__(self, joints: int, width: int) -> None:
        super().__init__()
        for number in range(1, BRANCHES + 1):
            block = PoseBlock(joints, width, learned=number > GRAPH_BRANCHES)
            self.add_module(f"Block{number}", block)
        self.conv1 = nn.Conv2d(BRANCHES, 1, 1)

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        branches = [
            self.get_submodule(f"Block{number}")(x, adjacency if number <= GRAPH_BRANCHES else None)
            for number in range(1, BRANCHES + 1)
        ]
        result: Tensor = self.conv1(torch.stack(branches, dim=1))
        return result.squeeze(1)


class PoseModule(nn.Module):
    """(N, joints, 2) joints to (N, joints, 3) in mm, by (N, joints, channels) features."""

    graph_adj: Tensor

    def __init__(self, joints: int, width: int) -> None:
        super().__init__()
        self.register_buffer("graph_adj", torch.zeros(joints, joints))
        self.input_up = GraphConvolution(joints, 2, width, learned=False)
        self.norm0, self.norm1, self.norm2 = (nn.LayerNorm(width) for _ in range(3))
        self.linear_down = nn.Linear(width, 3)
        self.G_block1 = ParallelBlocks(joints, width)
        self.G_block2 = ParallelBlocks(joints, width)

    def features(self, pose2d: Tensor) -> Tensor:
        x0 = functional.gelu(self.norm0(self.input_up(pose2d, self.graph_adj)))
        x1 = functional.gelu(self.norm1(self.G_block1(x0, self.graph_adj))) + x0
        x2 = functional.gelu(self.norm2(self.G_block2(x1, self.graph_adj)))
        result: Tensor = x2 + x1 + x0
        return result

    def forward(self, pose2d: Tensor) -> Tensor:
        result: Tensor = self.linear_down(self.features(pose2d))
        return result


class TokenBlock(nn.Module):
    """Attention in parallel with convolutions, then an MLP, both residual; no graph."""

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Attention(width)
        self.conv = JointConvolution(tokens)
        self.mlpse = GatedMlp(tokens, width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.attn(y) + self.conv(y)
        result: Tensor = x + self.mlpse(self.norm2(x))
        return result


class CrossBlock(nn.Module):
    """A block on the joints' tokens, one on the mesh's tokens, then one on both together."""

    def __init__(self, joints: int, width: int) -> None:
        super().__init__()
        self.joints = joints
        self.Pose_Block = TokenBlock(joints, width)
        self.Temp_Block = TokenBlock(TOKENS, width)
        self.Fuse_Block = TokenBlock(joints + TOKENS, width)

    def forward(self, x: Tensor) -> Tensor:
        joints, mesh = x[:, : self.joints], x[:, self.joints :]
        result: Tensor = self.Fuse_Block(torch.cat([self.Pose_Block(joints), self.Temp_Block(mesh)], dim=1))
        return result


class MeshModule(nn.Module):
    """(N, joints, channels) features to (N, vertices, 3) in m: the mean mesh plus an offset per vertex."""

    init_vertices: Tensor

    def __init__(self, joints: int, width: int, vertices: int, depth: int) -> None:
        super().__init__()
        self.register_buffer("init_vertices", torch.zeros(1, vertices, 3))
        self.up_feature = nn.Linear(width, width)
        self.up_linear = nn.Linear(3 * vertices // TOKENS, width)
        self.blocks = nn.Sequential(*(CrossBlock(joints, width) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.d_linear = nn.Linear(width, vertices)
        self.d_conv = nn.Conv1d(joints + TOKENS, 3, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        mean = self.up_linear(self.init_vertices.transpose(1, 2).reshape(1, TOKENS, -1))
        x = torch.cat([self.up_feature(features), mean.expand(features.shape[0], -1, -1)], dim=1)
        x = self.norm(self.blocks(x))
        offsets: Tensor = self.d_conv(functional.gelu(self.d_linear(x))).transpose(1, 2)
        return offsets + self.init_vertices


class Gtrs(nn.Module):
    """(N, joints, 2) joints to (N, vertices, 3) in m and (N, joints, 3) in mm."""

    def __init__(self, joints: int, width: int = WIDTH, vertices: int = VERTICES, depth: int = 4) -> None:
        super().__init__()
        self.pose_PAM = PoseModule(joints, width)
        self.pose_MRM = MeshModule(joints, width, vertices, depth)

    def forward(self, pose2d: Tensor) -> tuple[Tensor, Tensor]:
        features = self.pose_PAM.features(pose2d)
        return self.pose_MRM(features), self.pose_PAM.linear_down(features)


def recognizes(shapes: dict[str, tuple[int, ...]]) -> bool:
    """Return whether these are the tensors of this network, or of its pose module alone."""
    return any(f"{prefix}G_block1.Block1.mgcn.M" in shapes for prefix in ("", "pose_PAM."))


def build(shapes: dict[str, tuple[int, ...]]) -> tuple[nn.Module, ModelSpec]:
    """Return the variant with these shapes, its weights still random, and its spec."""
    is_pose_module = "input_up.M" in shapes
    joints, width = shapes.get("input_up.M" if is_pose_module else "pose_PAM.input_up.M", (17, WIDTH))
    family_joints = joint_set(FAMILY, joints)
    if is_pose_module:
        return PoseModule(joints, width), joints_spec(FAMILY, family_joints)
    vertices = shapes.get("pose_MRM.init_vertices", (1, VERTICES, 3))[1]
    blocks = {name.split(".")[2] for name in shapes if name.startswith("pose_MRM.blocks.")}
    module = Gtrs(joints, width, vertices, len(blocks) or 4)
    return module, joints_spec(FAMILY, family_joints, vertices)
