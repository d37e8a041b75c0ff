from __future__ import annotations

from pathlib import Path

import pytest
import torch

from posedeploy.checkpoints.lightweight_openpose_2d import LightweightOpenPose2d
from posedeploy.checkpoints.lightweight_openpose_3d import LightweightOpenPose3d
from posedeploy.checkpoints.lightweight_openpose_layers import Sizes
from posedeploy.checkpoints.loading import open_checkpoint
from posedeploy.checkpoints.sample import open_sample
from posedeploy.errors import CheckpointError, InputError
from posedeploy.flatten import flat
from posedeploy.types import StageCount, Stages


@pytest.fixture(scope="module")
def three_stages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a small lightweight-openpose-2d with three refinement stages, as in the published file."""
    path = tmp_path_factory.mktemp("three") / "three.pth"
    torch.manual_seed(1)
    torch.save({"state_dict": LightweightOpenPose2d(Sizes(3, 16)).state_dict()}, path)
    return path


@pytest.mark.parametrize(("number", "used"), [(None, 1), (0, 0), (1, 1), (2, 2), (3, 3), ("all", 3)], ids=str)
def test_the_first_stages_are_used(three_stages: Path, number: StageCount | None, used: int) -> None:
    model = open_checkpoint(three_stages, stages=number)
    assert model.stages == Stages(used, 3)
    assert model.stages.discarded == tuple(f"refinement_stages.{number}" for number in range(used, 3))
    assert model.spec.roles["pafs"] == f"stage_{used}_output_0_pafs"
    image = torch.rand(1, 3, 32, 40, generator=torch.Generator().manual_seed(0))
    every = flat(open_checkpoint(three_stages, stages="all").module(image))
    for ours, theirs in zip(flat(model.module(image)), every, strict=False):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("number", [4, 5, -1])
def test_the_error_about_too_many_stages_names_their_number(three_stages: Path, number: int) -> None:
    message = rf"`stages={number}`: .*three\.pth holds 3 refinement stages; pass a number from 0 to 3, or all"
    with pytest.raises(InputError, match=message):
        open_checkpoint(three_stages, stages=number)


def test_loading_is_strict_about_the_used_stages(three_stages: Path, tmp_path: Path) -> None:
    state = torch.load(three_stages, weights_only=True)["state_dict"]
    name = "refinement_stages.{}.trunk.0.initial.0.weight"
    state[name.format(2)] = torch.full_like(state[name.format(2)], torch.nan)
    torch.save(state, tmp_path / "a.pth")
    open_checkpoint(tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"NaN or infinite weights in refinement_stages\.2"):
        open_checkpoint(tmp_path / "a.pth", stages="all")
    state["refinement_stages.3.extra"] = torch.ones(1)
    del state[name.format(0)]
    torch.save(state, tmp_path / "a.pth")
    message = (
        r"1 missing: refinement_stages\.0\.trunk\.0\.initial.* 1 unexpected: refinement_stages\.3\.extra"
    )
    with pytest.raises(CheckpointError, match=message):
        open_checkpoint(tmp_path / "a.pth")


def test_a_checkpoint_may_have_no_refinement_stages(tmp_path: Path) -> None:
    torch.save(LightweightOpenPose2d(Sizes(0, 16)).state_dict(), tmp_path / "a.pth")
    assert open_checkpoint(tmp_path / "a.pth").stages == Stages(0, 0)


def test_the_3d_network_has_no_optional_stages(tmp_path: Path) -> None:
    torch.save(LightweightOpenPose3d(Sizes(2, 16)).state_dict(), tmp_path / "a.pth")
    assert open_checkpoint(tmp_path / "a.pth").stages is None
    message = (
        r"`stages=1`: .*a\.pth is lightweight-openpose-3d, and only lightweight-openpose-2d has optional"
    )
    with pytest.raises(InputError, match=message):
        open_checkpoint(tmp_path / "a.pth", stages=1)


def test_the_sample_holds_one_stage() -> None:
    assert open_sample().stages == open_sample("all").stages == Stages(1, 1)
    with pytest.raises(InputError, match="holds 1 refinement stage; pass a number from 0 to 1, or all"):
        open_sample(2)
