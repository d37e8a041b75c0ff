"""Both networks against the outputs of the published ones, and the variants that shapes tell."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from posedeploy.checkpoints.lightweight_openpose_2d import LightweightOpenPose2d
from posedeploy.checkpoints.lightweight_openpose_3d import LightweightOpenPose3d
from posedeploy.checkpoints.lightweight_openpose_layers import Sizes
from posedeploy.checkpoints.loading import open_checkpoint
from posedeploy.flatten import flat
from posedeploy.types import Model
from tests.support.reference_cases import BUNDLED, Case

TOLERANCE = 1e-5
NAMES = ("lightweight-openpose-2d", "lightweight-openpose-3d")


def check_runs(case: Case, path: Path) -> Model:
    """The model of a case, whose outputs are the published ones."""
    model = open_checkpoint(case.write(path))
    assert model.spec.family == case.description["family"]
    assert sum(t.numel() for t in model.module.state_dict().values()) == case.description["values"]
    for run in case.description["runs"]:
        assert [output.name for output in model.spec.outputs] == list(run["outputs"])
        with torch.inference_mode():
            outputs = flat(model.module(torch.from_numpy(case.input(run))))
        batch, _, height, width = run["shape"]
        for spec, output in zip(model.spec.outputs, outputs, strict=True):
            shape = spec.fixed({"batch": batch, "height": height, "width": width}).shape
            assert tuple(output.shape) == shape == tuple(run["outputs"][spec.name]["shape"])
            assert case.distance(run, spec.name, output.numpy()) < TOLERANCE, (run["input"], spec.name)
    return model


@pytest.mark.parametrize("name", NAMES)
def test_outputs_equal_those_of_the_published_network(tmp_path: Path, name: str) -> None:
    check_runs(Case(BUNDLED / name), tmp_path / "a.pth")


@pytest.mark.parametrize("name", NAMES)
def test_the_bundled_cases_are_those_of_the_reference_folder(reference: Path, name: str) -> None:
    for bundled in (BUNDLED / name).iterdir():
        assert bundled.read_bytes() == (reference / "cases" / name / bundled.name).read_bytes()


VARIANTS: dict[str, nn.Module] = {
    "2d without refinement": LightweightOpenPose2d(Sizes(0, 16)),
    "2d of 3 refinements, other maps": LightweightOpenPose2d(Sizes(3, 24, 7, 12)),
    "3d of 2 refinements, other maps": LightweightOpenPose3d(Sizes(2, 16, 5, 6), maps=12),
    "3d without refinement": LightweightOpenPose3d(Sizes(0, 16)),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_is_inferred_from_its_shapes(tmp_path: Path, variant: str) -> None:
    network = VARIANTS[variant].eval()
    torch.save(network.state_dict(), tmp_path / "a.pth")
    model = open_checkpoint(tmp_path / "a.pth", stages="all" if variant.startswith("2d") else None)
    image = torch.rand(2, 3, 32, 40, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected, actual = flat(network(image)), flat(model.module(image))
    assert len(actual) == len(model.spec.outputs) == len(expected)
    for spec, ours, theirs in zip(model.spec.outputs, actual, expected, strict=True):
        assert torch.equal(ours, theirs)
        assert spec.fixed({"batch": 2, "height": 32, "width": 40}).shape == tuple(ours.shape)
    assert set(model.spec.roles.values()) <= {spec.name for spec in model.spec.outputs}


def test_the_last_stage_of_a_variant_has_the_roles(tmp_path: Path) -> None:
    torch.save(VARIANTS["2d of 3 refinements, other maps"].state_dict(), tmp_path / "a.pth")
    assert open_checkpoint(tmp_path / "a.pth", stages="all").spec.roles == {
        "heatmaps": "stage_3_output_1_heatmaps",
        "pafs": "stage_3_output_0_pafs",
    }


@pytest.mark.parametrize(
    ("stages", "words"), [(0, "0 refinement stages"), (1, "1 refinement stage"), (2, "2 refinement stages")]
)
def test_a_variant_has_a_description(stages: int, words: str) -> None:
    assert Sizes(stages).variant == f"{words}, 128 channels"
