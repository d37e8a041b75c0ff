"""``bisect`` names the faulty layer of small networks of every family, whatever its operator is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import pytest
import torch
from torch import nn

import posedeploy as pd
from posedeploy.api.bisect_report import BisectReport
from posedeploy.api.load_checkpoint import load_checkpoint
from posedeploy.types import Model
from tests.support.lifting import small_gtrs, small_pose2mesh, write
from tests.support.networks import write_crop_network

Change: TypeAlias = Callable[[nn.Module], None]


def _load(family: str, folder: Path) -> Model:
    if family == "gtrs":
        return load_checkpoint(write(small_gtrs(), folder / "net.pth"))
    if family == "pose2mesh":
        return load_checkpoint(write(small_pose2mesh(), folder / "net.pth"), mesh=folder / "faces.npy")
    return load_checkpoint(write_crop_network(family, folder / "net.pth"))


@torch.no_grad()
def scale(module: nn.Module) -> None:
    module.get_parameter("weight").mul_(1.5)


@torch.no_grad()
def exaggerate(module: nn.Module) -> None:
    module.get_parameter("weight").mul_(-50)


@torch.no_grad()
def reverse(module: nn.Module) -> None:
    weight = module.get_parameter("weight")
    weight.copy_(weight.flip(0))


@torch.no_grad()
def remove_bias(module: nn.Module) -> None:
    module.get_parameter("bias").zero_()


@torch.no_grad()
def negate_neighbors(module: nn.Module) -> None:
    module.get_parameter("adj").mul_(-1)


@torch.no_grad()
def reverse_neighbors(module: nn.Module) -> None:
    weight = module.get_buffer("b")
    weight.copy_(weight.flip(0))


def change_epsilon(module: nn.Module) -> None:
    assert isinstance(module, nn.LayerNorm)
    module.eps = 0.5


FAULTS: Mapping[str, tuple[str, str, Change]] = {
    "the first layer, before a shortcut": ("hg", "conv1", scale),
    "a transposed convolution, before a large bias": ("hg", "deconv_layers.3", reverse),
    "a slope": ("mobile", "backbone.inv_residual.5.conv.0.2", exaggerate),
    "attention": ("gtrs", "pose_PAM.G_block2.Block3.attn.qkv", reverse),
    "a graph convolution": ("gtrs", "pose_PAM.G_block1.Block4.mgcn", negate_neighbors),
    "an epsilon": ("gtrs", "pose_MRM.blocks.0.Fuse_Block.norm1", change_epsilon),
    "a bias": ("gtrs", "pose_MRM.d_conv", remove_bias),
    "a Chebyshev convolution": ("pose2mesh", "pose2mesh.blocks.1.convolutions.0", reverse_neighbors),
}


def examine(family: str, path: str, change: Change, target: str, folder: Path) -> BisectReport:
    """Export a network with a change of one module, and compare the artifact with the checkpoint."""
    model = _load(family, folder)
    change((model.export_form or model.module).get_submodule(path))
    [artifact] = pd.export(model, target, folder / "out")
    return pd.bisect(artifact, mesh=folder / "faces.npy" if family == "pose2mesh" else None)


@pytest.mark.parametrize(
    "fault",
    [
        each if each == "the first layer, before a shortcut" else pytest.param(each, marks=pytest.mark.slow)
        for each in FAULTS
    ],
)
def test_the_faulty_layer_is_named(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    family, path, change = FAULTS[fault]
    if path.startswith("pose_MRM"):  # what follows the parallel blocks
        monkeypatch.setattr("posedeploy.checkpoints.gtrs.BRANCHES", 3)
    report = examine(family, path, change, "onnx", tmp_path)
    assert [each.layer.module for each in report.faults] == [path]
    [ranked] = report.ranking
    assert ranked.layer.module == path
    assert ranked.alone.rms < 1e-5 < report.difference.rms
