from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from posedeploy import manifest
from tests.commands.conftest import Invoke, fill, lines_wider_than, words
from tests.support.manifests import edit_manifest
from tests.support.reference_cases import BUNDLED, Case


def test_a_checkpoint_is_shown(done: Invoke, tmp_path: Path) -> None:
    Case(BUNDLED / "lightweight-openpose-2d").write(tmp_path / "human.pth")
    result = done("inspect", "human.pth", "--json", "i.json")
    shown = words(result.stdout)
    for phrase in (
        "human.pth family lightweight-openpose-2d variant ",
        "weights key state_dict",
        "image BGR, (value - 128) / 256 ",
        "keypoints 18: nose neck r_sho",
        "input data float32 batch x 3 x height x width NCHW",
        "model.0.0.weight",
    ):
        assert phrase in shown
    assert not lines_wider_than(80, result.stdout)
    document = json.loads(Path("i.json").read_text())
    assert (document["format"], document["version"]) == ("posedeploy.inspect", 1)
    assert document["spec"]["family"] == "lightweight-openpose-2d"
    assert len(document["tensors"]) == int(document["facts"]["tensors"])


def test_an_artifact_is_shown(human: Path, network: tuple[str, str], done: Invoke) -> None:
    result = done("inspect", human / "out" / "human.xml", "--json", "i.json")
    facts = json.loads(Path("i.json").read_text())["facts"]
    assert facts["target"] == "openvino"
    assert facts["checkpoint"] == str(human / "human.pth")
    assert facts["network"] == network[1]
    assert facts["weights sha256"] in result.stdout, "the hash is not folded"
    assert "embedded nothing: the caller prepares the image" in words(result.stdout)


def test_details_are_shown_in_words(human: Path, done: Invoke) -> None:
    for path in (human / "out").glob("human.onnx*"):
        shutil.copy(path, ".")
    profile = {"image": {"min": [1, 3, 256, 456], "opt": [2, 3, 256, 456]}}
    details = {"profile": profile, "compute_capabilities": ["8.6", "8.9"], "gpu": None}
    edit_manifest(manifest.read(Path("human.onnx")), details=details)
    shown = words(done("inspect", "human.onnx").stdout)
    assert " profile image min 1x3x256x456, opt 2x3x256x456 compute_capabilities 8.6, 8.9 " in shown


def test_a_third_party_model_is_shown(human: Path, done: Invoke) -> None:
    shutil.copy(human / "out" / "human.onnx", "[bold].onnx")
    shown = words(done("inspect", "[bold].onnx").stdout)
    assert "[bold].onnx family unknown" in shown
    assert "manifest none" in shown
    assert "input data float32 1 x 3 x 256 x 456" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("none.xml",), "none.xml: no such file"),
        (("folder.xml",), "folder.xml: is a folder, not a model file"),
        (("human.txt",), "human.txt: the file is empty"),
        (("none.pth",), "none.pth"),
        (("{human}/out/human.xml", "--contract", "none.toml"), "none.toml: no such file"),
        (("{human}/human.pth", "--network", "net.py"), "--network net.py: expected FILE.py:FUNCTION"),
    ],
)
def test_bad_input_is_refused(
    arguments: tuple[object, ...], message: str, human: Path, refused: Callable[..., str]
) -> None:
    Path("human.txt").write_text("")
    Path("folder.xml").mkdir()
    arguments = fill(arguments, human=human)
    assert message in refused("inspect", *arguments), arguments
