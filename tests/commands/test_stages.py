"""``--stages`` from the command line, for a checkpoint with more stages than the published converter uses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from posedeploy.checkpoints.lightweight_openpose_2d import LightweightOpenPose2d
from posedeploy.checkpoints.lightweight_openpose_layers import Sizes
from tests.commands.conftest import Invoke, words

LEFT_OUT = "1 of the 3 in the checkpoint; not used: refinement_stages.1, refinement_stages.2"
SMALL = ("--input-size", "64x64", "--outputs", "last")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, done: Invoke) -> tuple[Path, str]:
    """A checkpoint of three stages, its export, and the output of the export."""
    folder = tmp_path_factory.mktemp("drei Stufen é")
    torch.manual_seed(1)
    torch.save({"state_dict": LightweightOpenPose2d(Sizes(3, 16)).state_dict()}, folder / "a.pth")
    result = done("export", folder / "a.pth", "--to", "torchscript", "-o", folder, *SMALL)
    return folder, result.output


def test_export_inspect_and_parity_report_unused_stages(exported: tuple[Path, str], done: Invoke) -> None:
    folder, messages = exported
    reported = f"refinement stages (as in the published converter and demo): {LEFT_OUT}"
    assert f"{reported}; --stages N|all changes that" in messages
    assert "stage_1_output_0_pafs" in messages
    manifest = json.loads((folder / "a.torchscript.posedeploy.json").read_text())
    assert manifest["provenance"]["stages"] == {"used": 1, "stored": 3}
    assert f"refinement stages {LEFT_OUT}" in words(done("inspect", folder / "a.pth").stdout)
    assert f"refinement stages {LEFT_OUT}" in words(done("inspect", folder / "a.torchscript").stdout)
    assert reported in done("parity", folder / "a.torchscript").stderr


def test_parity_reads_the_stages_from_the_manifest(
    exported: tuple[Path, str], done: Invoke, refused: Callable[..., str]
) -> None:
    weights = exported[0] / "a.pth"
    done("export", weights, "--to", "torchscript", "--stages", "ALL", *SMALL, "--name", "b", "-o", "o")
    shown = done("parity", "o/b.torchscript").stdout
    assert "stage_3_output_0_pafs" in shown
    assert "within tolerance of PyTorch" in words(shown)
    assert "refinement stages; leave it out, or export again" in refused(
        "parity", "o/b.torchscript", "--stages", "2"
    )
    timed = done("bench", exported[0] / "a.torchscript", "o/b.torchscript", "--runs", "1", "--json", "b.json")
    rows = [line for line in timed.stdout.splitlines() if line.startswith("a.pth (PyTorch)")]
    assert len(rows) == 4, "in two tables, each file beside PyTorch of its own stages"


def test_an_invalid_number_of_stages_is_refused(
    exported: tuple[Path, str], refused: Callable[..., str]
) -> None:
    weights, artifact = exported[0] / "a.pth", exported[0] / "a.torchscript"
    assert "a.pth holds 3 refinement stages; pass a number from 0 to 3" in refused(
        "export", weights, "--stages", "5"
    )
    assert "--stages two: expected a number of refinement stages" in refused(
        "inspect", weights, "--stages", "two"
    )
    assert "is an exported model, whose stages are fixed; export its checkpoint again" in refused(
        "inspect", artifact, "--stages", "2"
    )
    assert "--network and --stages exclude each other" in refused(
        "export", weights, "--network", "n.py:build", "--stages", "1"
    )
