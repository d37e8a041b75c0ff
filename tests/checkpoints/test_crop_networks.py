"""mobile-human-pose and pose-hg-3d against the outputs of the published networks, and their variants."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from posedeploy.checkpoints import mobile_human_pose, pose_hg_3d
from posedeploy.checkpoints.loading import open_checkpoint
from posedeploy.errors import CheckpointError
from posedeploy.flatten import flat
from posedeploy.types import Model
from tests.checkpoints.test_lightweight_openpose import check_runs
from tests.support.reference_cases import Case

CASES = {
    "mobile-human-pose-lpski": "LPSKI, 18 joints",
    "mobile-human-pose-lpres": "LPRES, 18 joints",
    "mobile-human-pose-lpwo": "LPWO, 21 joints",
    "pose-hg-3d-msra50": "ResNet-50, 16 joints",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_outputs_equal_those_of_the_published_network(reference: Path, tmp_path: Path, name: str) -> None:
    model = check_runs(Case(reference / "cases" / name), tmp_path / "a.pth")
    assert model.spec.variant == CASES[name]


def reopened(module: nn.Module, path: Path) -> Model:
    torch.save({"network": {f"module.{k}": v for k, v in module.state_dict().items()}, "epoch": 1}, path)
    model = open_checkpoint(path)
    expected, actual = module.state_dict(), model.module.state_dict()
    assert all(torch.equal(expected[name], actual[name]) for name in expected)
    return model


@pytest.mark.parametrize("kind", [mobile_human_pose.Lpski, mobile_human_pose.Lpres, mobile_human_pose.Lpwo])
@pytest.mark.parametrize("joints", [18, 21, 5])
def test_backbone_joints_and_widths_are_inferred_from_shapes(
    tmp_path: Path, kind: type[mobile_human_pose.Backbone], joints: int
) -> None:
    widths = mobile_human_pose.BackboneWidths(
        8, (8, 16, 8, 16, 8, 16, 24), 40, (8, 16, 8), (16, 8, 16), joints * kind.bins
    )
    module = mobile_human_pose.MobileHumanPose(kind(widths), joints).eval()
    model = reopened(module, tmp_path / "a.pth")
    spec = model.spec
    assert spec.variant == f"{kind.name}, {joints} joints"
    assert (spec.unit, spec.cells, len(spec.keypoint_names)) == ("mm", kind.bins, joints)
    image = torch.randn(2, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    volumes: list[torch.Tensor] = []
    model.module.get_submodule("backbone").register_forward_hook(lambda *call: volumes.append(call[-1]))
    with torch.inference_mode():
        actual = model.module(image)
    assert tuple(actual.shape) == spec.outputs[0].fixed({"batch": 2}).shape
    assert torch.allclose(actual, expectation(*volumes, joints), rtol=1e-5, atol=1e-5)


def expectation(volumes: torch.Tensor, joints: int) -> torch.Tensor:
    """As the paper has it: the softmax over the whole volume, then each axis' expected index."""
    bins = volumes.shape[-1]
    shape = (len(volumes), joints, bins, bins, bins)
    weights = volumes.double().reshape(len(volumes), joints, -1).softmax(-1).reshape(shape)
    index = torch.arange(bins, dtype=torch.float64)
    sums = (weights.sum((2, 3)), weights.sum((2, 4)), weights.sum((3, 4)))
    return torch.stack([(part * index).sum(-1) for part in sums], dim=-1).float()


def test_channels_that_are_no_multiple_of_the_bins_are_an_error(tmp_path: Path) -> None:
    module, _ = mobile_human_pose.build({})
    state = module.state_dict()
    state["backbone.final_layer.weight"] = torch.zeros(570, 256, 1, 1)
    torch.save(state, tmp_path / "a.pth")
    message = "the final layer of this LPSKI has 570 channels, not a multiple of its 32 depth bins"
    with pytest.raises(CheckpointError, match=message):
        open_checkpoint(tmp_path / "a.pth")


RESNETS = [
    (pose_hg_3d.BasicBlock, (2, 2, 2, 2), "ResNet-18"),
    (pose_hg_3d.BasicBlock, (3, 4, 6, 3), "ResNet-34"),
    (pose_hg_3d.Bottleneck, (3, 4, 23, 3), "ResNet-101"),
    (pose_hg_3d.Bottleneck, (3, 8, 36, 3), "ResNet-152"),
    (pose_hg_3d.BasicBlock, (1, 1, 1, 1), "ResNet of 1-1-1-1 basic blocks"),
]


@pytest.mark.parametrize(("block", "blocks", "name"), RESNETS, ids=[row[2] for row in RESNETS])
def test_the_depth_is_inferred_from_the_keys(
    tmp_path: Path, block: pose_hg_3d.Block, blocks: tuple[int, ...], name: str
) -> None:
    module = pose_hg_3d.PoseHg3d(block, blocks, 16, {"hm": 16, "depth": 16}).eval()
    shapes = {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()}
    assert pose_hg_3d.recognizes(shapes)
    actual, spec = pose_hg_3d.build(shapes)
    assert spec.variant == f"{name}, 16 joints"
    assert {key: tuple(tensor.shape) for key, tensor in actual.state_dict().items()} == shapes


@pytest.mark.parametrize("depth", [True, False])
@pytest.mark.parametrize(("joints", "size"), [(16, (256, 256)), (17, (256, 192))])
def test_heads_and_joints_are_inferred_from_the_keys(
    tmp_path: Path, joints: int, size: tuple[int, int], depth: bool
) -> None:
    heads = {"hm": joints} | ({"depth": joints} if depth else {})
    module = pose_hg_3d.PoseHg3d(pose_hg_3d.BasicBlock, (1, 1, 1, 1), 16, heads).eval()
    spec = reopened(module, tmp_path / "a.pth").spec
    assert spec.variant.endswith(f"{joints} joints" + ("" if depth else ", 2D: no depth head"))
    assert spec.unit == ("mm" if depth else "px")
    assert spec.roles == {head: head for head in heads}
    assert spec.contract is not None
    assert (spec.contract.height, spec.contract.width) == size
    assert len(spec.keypoint_names) == joints
    with torch.inference_mode():
        outputs = flat(module(torch.zeros(2, 3, 64, 96)))
    for output, tensor in zip(outputs, spec.outputs, strict=True):
        assert tuple(output.shape) == tensor.fixed({"batch": 2, "height": 64, "width": 96}).shape


def test_joints_of_another_number_are_numbered(tmp_path: Path) -> None:
    def network(*heads: str) -> pose_hg_3d.PoseHg3d:
        return pose_hg_3d.PoseHg3d(pose_hg_3d.BasicBlock, (1, 1, 1, 1), 16, dict.fromkeys(heads, 5)).eval()

    spec = reopened(network("hm"), tmp_path / "a.pth").spec
    assert (spec.unit, len(spec.keypoint_names)) == ("px", 5)
    spec = reopened(network("hm", "depth"), tmp_path / "b.pth").spec
    assert (spec.unit, spec.keypoint_names[4], spec.skeleton) == ("mm", "joint_4", ())


def test_another_number_of_depth_maps_than_heatmaps_is_an_error(tmp_path: Path) -> None:
    heads = {"hm": 16, "depth": 17}
    network = pose_hg_3d.PoseHg3d(pose_hg_3d.BasicBlock, (1, 1, 1, 1), 16, heads).eval()
    with pytest.raises(CheckpointError, match="has 16 heatmaps and 17 depth maps, expected as many"):
        reopened(network, tmp_path / "a.pth")
