from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from posedeploy.benchmarks.parity import Bounds
from posedeploy.commands import parity
from posedeploy.types import Array
from tests.commands.conftest import Invoke, lines_wider_than, words
from tests.networks import write_crop_network
from tests.predict.conftest import PEOPLE, write_image
from tools.reference_cases import BUNDLED, Case


def test_every_target_is_the_same_as_pytorch(
    human: Path, network: tuple[str, str], done: Invoke, photo: Array, tmp_path: Path
) -> None:
    write_image(tmp_path / "photo.png", photo)
    models = [human / "out" / f"human.{suffix}" for suffix in ("torchscript", "onnx", "xml")]
    result = done("parity", *models, "--images", "photo.png", "--json", "p.json", *network)
    document = json.loads(Path("p.json").read_text())
    assert (document["format"], document["version"]) == ("posedeploy.parity", 1)
    assert [entry["label"] for entry in document["results"]] == [str(model) for model in models]
    for entry in document["results"]:
        assert (entry["passed"], entry["failures"]) == (True, [])
        assert entry["poses"]["people"] == 7 * PEOPLE
        assert entry["outputs"][0]["samples"] == [
            *("noise 0", "noise 1", "drawn 0", "drawn 1", "drawn 2", "drawn 3", "photo.png"),
        ]
        assert all(output["max_relative"] < 1e-4 for output in entry["outputs"])
    assert result.stdout.count("same as PyTorch") == 3
    assert "14 people matched, 0 missed, 0 extra" in words(result.stdout)


def test_other_weights_are_told_with_the_place(
    human: Path, network: tuple[str, str], invoke: Invoke, tmp_path: Path
) -> None:
    weights = torch.load(human / "human.pth", weights_only=True)
    weights["pafs"][0, 7, 3, 5] = 99.0
    torch.save(weights, tmp_path / "other.pth")
    arguments = (human / "out" / "human.onnx", "--checkpoint", "other.pth", "--json", "p.json", *network)
    result = invoke("parity", *arguments)
    assert result.exit_code == 1
    assert "different from PyTorch" in result.stdout
    assert re.search(
        r"human.onnx: pafs\[0, 7, 3, 5\] on (noise|drawn) \d is .* instead of 99: ", result.stderr
    )
    (entry,) = json.loads(Path("p.json").read_text())["results"]
    assert not entry["passed"]
    assert entry["outputs"][1]["worst"]["index"] == [0, 7, 3, 5]
    assert invoke("parity", *arguments, "--max-relative", "2", "--max-px", "1e4").exit_code == 0


def test_a_checkpoint_that_moved_or_changed(
    own: Path, network: tuple[str, str], done: Invoke, refused: Callable[..., str], tmp_path: Path
) -> None:
    shutil.copy(own / "human.pth", "human.pth")
    done("export", "human.pth", "--to", "onnx", "-o", "out", *network)
    Path("elsewhere").mkdir()
    Path("human.pth").rename("elsewhere/moved.pth")
    assert "say where it is with --checkpoint" in refused("parity", "out/human.onnx", *network)
    done("parity", "out/human.onnx", "--checkpoint", "elsewhere/moved.pth", *network)
    weights = torch.load("elsewhere/moved.pth", weights_only=True)
    torch.save({name: array + 1 for name, array in weights.items()}, "human.pth")
    message = refused("parity", "out/human.onnx", *network)
    assert "human.pth: its SHA-256 is " in message and "export it again, or name the right file" in message


def test_another_network_file_than_at_the_export_is_told(own: Path, done: Invoke) -> None:
    shutil.copy(own / "crowd_net.py", "net.py")
    network = ("--network", "net.py:build")
    done("export", own / "human.pth", "--to", "onnx", "-o", "out", *network)
    assert "not the file" not in done("parity", "out/human.onnx", *network).stderr
    with Path("net.py").open("a") as stream:
        stream.write("\n# edited since\n")
    told = words(done("parity", "out/human.onnx", *network).stderr)
    assert "not the file that out/human.onnx was exported with; it was changed, or is another" in told


def test_an_artifact_that_was_changed(human: Path, refused: Callable[..., str]) -> None:
    shutil.copytree(human / "out", "out")
    with Path("out/human.onnx").open("ab") as stream:
        stream.write(b"\0")
    weights = np.fromfile("out/human.bin", np.uint8)
    weights[-1] ^= 1
    weights.tofile("out/human.bin")
    for name, changed in (("human.onnx", "human.onnx"), ("human.xml", "human.bin")):
        message = refused("parity", f"out/{name}")
        assert message.startswith(f"error: out/{changed}: its SHA-256 is ")
        assert "the file was changed after it was exported" in message
    manifest = Path("out/human.torchscript.posedeploy.json")
    manifest.write_text(manifest.read_text().replace('"version": 1', '"version": 2'))
    message = refused("parity", "out/human.torchscript")
    assert "it has version 2 and this release reads up to 1; upgrade posedeploy" in message


def test_an_image_that_cannot_be_read_does_not_stop_the_others(
    human: Path, network: tuple[str, str], done: Invoke, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"no image")
    cv2.imwrite(str(tmp_path / "photos" / "deep.png"), np.full((64, 64), 4000, np.uint16))
    result = done("parity", human / "out" / "human.onnx", "--images", "photos", "--json", "p.json", *network)
    assert "warning: photos/broken.jpg: not an image but a text file" in result.stderr
    assert "deep.png: a file of 16 bits whose values reach 4000: read as 12 bits" in result.stderr
    assert "deep.png" in Path("p.json").read_text() and "same as PyTorch" in result.stdout


def test_bad_input(
    human: Path, network: tuple[str, str], refused: Callable[..., str], tmp_path: Path
) -> None:
    onnx = human / "out" / "human.onnx"
    (tmp_path / "text.txt").write_text("no image")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"no image")
    shutil.copy(onnx, "human.onnx")
    for arguments, message in [
        ((onnx,), "give that option again, since it runs the file"),
        (
            (onnx, "--precision", "bf16", *network),
            "the bounds of float32 do not hold for it; say what may pass",
        ),
        ((onnx, "--max-mm", "-1", *network), "--max-mm -1: what may pass is a number of at least 0"),
        ((onnx, "--max-px", "nan", *network), "--max-px nan: what may pass is a number of at least 0"),
        ((onnx, "--json", ".", *network), ".: is a folder; name a file for the JSON"),
        ((onnx, "--images", "photos", *network), "--images photos: photos/broken.jpg: "),
        ((onnx, "--images", "none.jpg", *network), "none.jpg"),
        ((onnx, "--images", "text.txt", *network), "text.txt"),
        (("human.onnx",), "made by others, so nothing says what to compare it with; give --checkpoint"),
        ((human / "human.pth",), "no target writes files named like this"),
    ]:
        assert message in refused("parity", *arguments), arguments


@pytest.mark.slow
@pytest.mark.parametrize("family", ["lightweight-openpose-2d", "lightweight-openpose-3d"])
def test_the_published_networks_are_the_same(family: str, done: Invoke, tmp_path: Path) -> None:
    Case(BUNDLED / family).write(tmp_path / "human.pth")
    done("export", "human.pth", "--to", "openvino", "--input-size", "128x160", "-o", "out")
    result = done("parity", "out/human.xml")
    assert "same as PyTorch" in result.stdout
    assert not lines_wider_than(80, result.stdout)


def test_float64_does_not_excuse_bounds_of_the_users_own(done: Invoke, invoke: Invoke) -> None:
    Case(BUNDLED / "lightweight-openpose-2d").write(Path("a.pth"))
    done("export", "a.pth", "--to", "onnx")
    arguments = ("parity", "artifacts/a.onnx", "--json", "p.json")
    strict = invoke(*arguments, "--max-relative", "1e-9")
    assert strict.exit_code == 1
    (entry,) = json.loads(Path("p.json").read_text())["results"]
    assert (entry["passed"], entry["reference_precision"]) == (False, "fp32")


def test_where_rounding_is_beyond_the_bounds_float64_is_the_witness(
    done: Invoke, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Bounds that rounding alone is beyond, on any machine.
    monkeypatch.setattr(parity, "Bounds", partial(Bounds, relative=1e-9))
    state = torch.load(write_crop_network("mobile", Path("a.pth")), weights_only=True)
    done("export", "a.pth", "--to", "onnx")
    arguments = ("parity", "artifacts/a.onnx", "--json", "p.json")
    assert "same as PyTorch in float64, within" in words(done(*arguments, columns=200).stdout)
    (entry,) = json.loads(Path("p.json").read_text())["results"]
    assert entry["passed"] and entry["reference_precision"] == "f64"
    assert entry["bounds"]["relative"] == parity.ROUNDINGS * entry["rounding"] > 1e-9

    state["state_dict"]["backbone.final_layer.weight"] *= 1.01
    torch.save(state, "other.pth")
    other = invoke(*arguments, "--checkpoint", "other.pth")
    assert other.exit_code == 1 and "different from PyTorch" in other.stdout


def test_a_missing_artifact_is_told_before_any_is_compared(human: Path, refused: Callable[..., str]) -> None:
    message = refused("parity", human / "out" / "human.onnx", "gone.onnx")
    assert "gone.onnx: no such file" in message and "loading" not in message
