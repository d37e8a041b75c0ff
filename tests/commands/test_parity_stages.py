"""``parity`` names the stage of a planted fault: preprocessing, network or decoding."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from posedeploy.api import parity_case
from posedeploy.manifest_document import seal
from tests.commands.conftest import Invoke, words
from tests.support.networks import write_crop_network
from tests.support.shared_folders import shared_folder

Spec = dict[str, Any]
SUFFIX = ".posedeploy.json"


@pytest.fixture(scope="session")
def single_person(done: Invoke, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``hg.pth``, a small 3D network of one person, and its ONNX file."""

    def fill(folder: Path) -> None:
        checkpoint = write_crop_network("hg", folder / "hg.pth")
        done("export", checkpoint, "--to", "onnx", "--input-size", "64x64", "-o", folder)

    return shared_folder(tmp_path_factory, "single person", fill)


def _plant(source: Path, change: Callable[[Spec], None]) -> None:
    """Copy the artifact to ``hg.onnx`` here, with a change to the description in its manifest."""
    shutil.copy(source / "hg.onnx", "hg.onnx")
    document = json.loads((source / f"hg.onnx{SUFFIX}").read_text())
    change(document["spec"])
    Path(f"hg.onnx{SUFFIX}").write_bytes(seal(document))


def _contract(**values: object) -> Callable[[Spec], None]:
    return lambda spec: spec["contract"].update(values)


def _exchange_names(spec: Spec) -> None:
    names = spec["keypoint_names"]
    names[2], names[3] = names[3], names[2]


def _bend_skeleton(spec: Spec) -> None:
    spec["skeleton"][0] = [0, 9]


def _stride(spec: Spec) -> None:
    for output in spec["outputs"]:
        output["stride"] = 8


slow = pytest.mark.slow
FAULTS = {
    "roles": (
        "decoding",
        lambda spec: spec.update(roles={"hm": "depth", "depth": "hm"}),
        "the difference is in the decoding: the output with the role hm is depth instead of hm, the output "
        "with the role depth is hm instead of depth",
    ),
    "names": (
        "decoding",
        _exchange_names,
        "the difference is in the decoding: keypoint 2 is left_hip instead of right_hip, keypoint 3 is "
        "right_hip instead of left_hip",
    ),
    "skeleton": (
        "decoding",
        _bend_skeleton,
        "the skeleton differs from that of the checkpoint: it has the bone head_top-right_ankle and does not "
        "have the bone right_ankle-right_knee",
    ),
    "number of keypoints": (
        "decoding",
        lambda spec: spec.update(keypoint_names=spec["keypoint_names"][:-1], skeleton=[]),
        "the difference is in the decoding: 15 keypoints instead of 16",
    ),
    "stride": (
        "decoding",
        _stride,
        "the difference is in the decoding: the stride of the maps is 8 instead of unset",
    ),
    "no depth": (
        "decoding",
        lambda spec: spec.update(roles={"hm": "hm"}),
        "the description has no output with the role depth, so its poses have no 3D positions",
    ),
    "colors": (
        "preprocessing",
        _contract(color_order="RGB"),
        "the difference is in the preprocessing: contract.color_order is RGB instead of BGR",
    ),
    "mean": (
        "preprocessing",
        _contract(mean=[0, 0, 0]),
        "the difference is in the preprocessing: contract.mean is (0, 0, 0) instead of (123.675, 116.28, "
        "103.53)",
    ),
    "fit": (
        "preprocessing",
        _contract(fit="box"),
        "the difference is in the preprocessing: contract.fit is box instead of center",
    ),
    "margin": (
        "preprocessing",
        _contract(fit="box", margin=2.0),
        "contract.margin is 2 instead of 1.25",
    ),
}
QUICK = ("roles", "names", "skeleton", "colors")


@pytest.mark.parametrize(
    "fault", [name if name in QUICK else pytest.param(name, marks=slow) for name in FAULTS]
)
def test_a_fault_in_the_description_is_found_in_its_stage(
    fault: str, single_person: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, change, message = FAULTS[fault]
    searches = list[None]()
    monkeypatch.setattr(parity_case, "explain_difference", lambda *_: searches.append(None))
    _plant(single_person, change)
    result = invoke("parity", "hg.onnx", "--checkpoint", single_person / "hg.pth", "--json", "p.json")
    assert result.exit_code == 1, result.output
    assert message in words(result.stderr)
    assert bool(searches) == (stage != "decoding"), "no mistake explains outputs that are right"
    assert "posedeploy bisect" not in result.stdout
    (entry,) = json.loads(Path("p.json").read_text())["results"]
    statuses = {each["stage"]: each["status"] for each in entry["stages"]}
    assert statuses.pop(stage) == "different"
    assert set(statuses.values()) <= {"same", "within limits"}


def test_a_correct_artifact_has_no_fault_in_any_stage(single_person: Path, done: Invoke) -> None:
    result = done("parity", single_person / "hg.onnx", "--json", "p.json")
    assert "stages: preprocessing same, network within limits, decoding same" in words(result.stdout)
    (entry,) = json.loads(Path("p.json").read_text())["results"]
    assert [each["differences"] for each in entry["stages"]] == [[], [], []]


def test_another_description_without_an_effect_passes(single_person: Path, done: Invoke) -> None:
    _plant(single_person, lambda spec: [output.update(stride=4) for output in spec["outputs"]] and None)
    result = done("parity", "hg.onnx", "--checkpoint", single_person / "hg.pth")
    assert "decoding: same" in result.stdout
    assert "the stride of the maps is 4 instead of unset; no effect on these inputs" in words(result.stdout)
