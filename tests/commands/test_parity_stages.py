"""``parity`` names the stage of a planted fault: preprocessing, network or decoding."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from posedeploy.api import stage_attribution
from tests.commands.conftest import Invoke, words
from tests.support.faulty_descriptions import DESCRIPTIONS, change_description
from tests.support.networks import write_crop_network
from tests.support.shared_folders import shared_folder


@pytest.fixture(scope="session")
def single_person(done: Invoke, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``hg.pth``, a small 3D network of one person, and its ONNX file."""

    def fill(folder: Path) -> None:
        checkpoint = write_crop_network("hg", folder / "hg.pth")
        done("export", checkpoint, "--to", "onnx", "--input-size", "64x64", "-o", folder)

    return shared_folder(tmp_path_factory, "single person", fill)


slow = pytest.mark.slow
QUICK = ("roles", "names", "skeleton", "colors")


@pytest.mark.parametrize(
    "fault", [name if name in QUICK else pytest.param(name, marks=slow) for name in DESCRIPTIONS]
)
def test_a_fault_in_the_description_is_found_in_its_stage(
    fault: str, single_person: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = DESCRIPTIONS[fault]
    searches = list[None]()
    monkeypatch.setattr(stage_attribution, "list_reference_mistakes", lambda *_: searches.append(None) or [])
    change_description(single_person / "hg.onnx", Path("hg.onnx"), planted.change)
    result = invoke("parity", "hg.onnx", "--checkpoint", single_person / "hg.pth", "--json", "p.json")
    assert result.exit_code == 1, result.output
    assert planted.message in words(result.stderr)
    assert bool(searches) == (planted.stage != "decoding"), "no mistake explains outputs that are right"
    assert "posedeploy bisect" not in result.stdout
    (entry,) = json.loads(Path("p.json").read_text())["results"]
    statuses = {each["stage"]: each["status"] for each in entry["stages"]}
    assert statuses.pop(planted.stage) == "different"
    assert set(statuses.values()) <= {"same", "within limits"}


def test_a_correct_artifact_has_no_fault_in_any_stage(single_person: Path, done: Invoke) -> None:
    result = done("parity", single_person / "hg.onnx", "--json", "p.json")
    assert "stages: preprocessing same, network within limits, decoding same" in words(result.stdout)
    (entry,) = json.loads(Path("p.json").read_text())["results"]
    assert [each["differences"] for each in entry["stages"]] == [[], [], []]


def test_another_description_without_an_effect_passes(single_person: Path, done: Invoke) -> None:
    change_description(
        single_person / "hg.onnx",
        Path("hg.onnx"),
        lambda spec: [output.update(stride=4) for output in spec["outputs"]],
    )
    result = done("parity", "hg.onnx", "--checkpoint", single_person / "hg.pth")
    assert "decoding: same" in result.stdout
    assert "the stride of the maps is 4 instead of unset; no effect on these inputs" in words(result.stdout)
