from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from posedeploy.types import Array
from tests.commands.conftest import Invoke, fill, lines_wider_than, words
from tests.predict.conftest import PEOPLE, write_image
from tests.support.reference_cases import BUNDLED, Case


def test_every_target_has_the_outputs_of_pytorch(
    human: Path, network: tuple[str, str], done: Invoke, photo: Array, tmp_path: Path
) -> None:
    write_image(tmp_path / "photo.png", photo)
    models = [human / "out" / f"human.{suffix}" for suffix in ("torchscript", "onnx", "xml")]
    result = done("parity", *models, "--images", "photo.png", "--json", "p.json", *network)
    document = json.loads(Path("p.json").read_text())
    assert (document["format"], document["version"]) == ("posedeploy.parity", 2)
    assert [entry["label"] for entry in document["results"]] == [str(model) for model in models]
    for entry in document["results"]:
        assert (entry["passed"], entry["failures"]) == (True, [])
        assert entry["poses"]["people"] == 12 * PEOPLE
        assert entry["outputs"][0]["inputs"] == [
            *("noise", "black", "white", "nobody", "one person", "a crowd", "a huge person"),
            *("a person cut by the border", "a tiny person", "a wide image", "a tall image", "photo.png"),
        ]
        assert all(output["max_relative"] < 1e-4 for output in entry["outputs"])
    assert words(result.stdout).count("within tolerance of PyTorch") == 3
    assert "24 people matched, 0 missed, 0 extra" in words(result.stdout)


def test_other_weights_are_reported_with_the_worst_element(
    human: Path, network: tuple[str, str], invoke: Invoke, tmp_path: Path
) -> None:
    weights = torch.load(human / "human.pth", weights_only=True)
    weights["pafs"][0, 7, 3, 5] = 99.0
    torch.save(weights, tmp_path / "other.pth")
    arguments = (human / "out" / "human.onnx", "--checkpoint", "other.pth", "--json", "p.json", *network)
    result = invoke("parity", *arguments)
    assert result.exit_code == 1
    assert "find the faulty layer with: posedeploy bisect" in words(result.stdout)
    assert "outside tolerance of PyTorch" in words(result.stdout)
    assert re.search(r"human.onnx: pafs\[0, 7, 3, 5\] on [a-z ]+ is .* instead of 99: ", result.stderr)
    (entry,) = json.loads(Path("p.json").read_text())["results"]
    assert (entry["passed"], entry["sensitivity"]) == (False, None)
    assert entry["outputs"][1]["worst"]["index"] == [0, 7, 3, 5]
    assert invoke("parity", *arguments, "--rtol", "2", "--max-px", "1e4").exit_code == 0


def test_a_moved_or_changed_checkpoint_is_refused(
    own: Path, network: tuple[str, str], done: Invoke, refused: Callable[..., str], tmp_path: Path
) -> None:
    shutil.copy(own / "human.pth", "human.pth")
    done("export", "human.pth", "--to", "onnx", "-o", "out", *network)
    Path("elsewhere").mkdir()
    Path("human.pth").rename("elsewhere/moved.pth")
    assert "pass its path with --checkpoint" in refused("parity", "out/human.onnx", *network)
    done("parity", "out/human.onnx", "--checkpoint", "elsewhere/moved.pth", *network)
    weights = torch.load("elsewhere/moved.pth", weights_only=True)
    torch.save({name: array + 1 for name, array in weights.items()}, "human.pth")
    message = refused("parity", "out/human.onnx", *network)
    assert "human.pth: its SHA-256 is " in message and "export it again, or pass the right file" in message


def test_a_network_file_that_changed_since_the_export_is_reported(own: Path, done: Invoke) -> None:
    shutil.copy(own / "crowd_net.py", "net.py")
    network = ("--network", "net.py:build")
    done("export", own / "human.pth", "--to", "onnx", "-o", "out", *network)
    assert "not the file" not in done("parity", "out/human.onnx", *network).stderr
    with Path("net.py").open("a") as stream:
        stream.write("\n# edited since\n")
    messages = words(done("parity", "out/human.onnx", *network).stderr)
    assert "not the file that out/human.onnx was exported with, or it changed since" in messages


def test_a_changed_artifact_is_refused(human: Path, refused: Callable[..., str]) -> None:
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
    manifest.write_text(manifest.read_text().replace('"version": 2', '"version": 3'))
    message = refused("parity", "out/human.torchscript")
    assert "the version of the manifest is 3, expected 2; upgrade posedeploy" in message


def test_an_unreadable_image_does_not_stop_the_others(
    human: Path, network: tuple[str, str], done: Invoke, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"no image")
    cv2.imwrite(str(tmp_path / "photos" / "deep.png"), np.full((64, 64), 4000, np.uint16))
    result = done("parity", human / "out" / "human.onnx", "--images", "photos", "--json", "p.json", *network)
    assert "warning: photos/broken.jpg: not an image but a text file" in result.stderr
    assert "deep.png: 16-bit samples with a maximum of 4000 are read as 12-bit samples" in result.stderr
    assert "deep.png" in Path("p.json").read_text() and "within tolerance of PyTorch" in words(result.stdout)


def test_a_budget_decides_on_poses_only(
    human: Path, network: tuple[str, str], invoke: Invoke, photo: Array, tmp_path: Path
) -> None:
    """The maps are shifted by one cell: the poses differ by 8 px of the input, and by 12 px of the wide and
    the tall image, which are larger than the input."""
    write_image(tmp_path / "day 1 ü.png", photo)
    weights = torch.load(human / "human.pth", weights_only=True)
    weights["heatmaps"] = 1.01 * weights["heatmaps"]
    torch.save(weights, tmp_path / "brighter.pth")
    weights["heatmaps"], weights["pafs"] = (weights[name].roll(1, 3) for name in ("heatmaps", "pafs"))
    torch.save(weights, tmp_path / "moved.pth")
    onnx = (human / "out" / "human.onnx", "--images", "day 1 ü.png", *network, "--json", "p.json")
    budget = ("--budget", "1px", "--budget", "0.99oks", "--checkpoint")
    assert invoke("parity", *onnx, "--checkpoint", "brighter.pth").exit_code == 1

    result = invoke("parity", *onnx, *budget, "brighter.pth")
    assert result.exit_code == 0, result.output
    assert "budget of the poses: 1 px, OKS 0.99, 2% unmatched keypoints (default)" in result.stdout
    assert "within budget, compared with PyTorch in fp32" in words(result.stdout)
    (entry,) = json.loads(Path("p.json").read_text())["results"]
    assert entry["budget"] == {
        "px": 1,
        "mm": None,
        "oks": 0.99,
        "unmatched_percent": 2,
        "defaults": ["unmatched_percent"],
    }
    assert entry["paired"]["people"] == 12 * PEOPLE
    assert entry["paired"]["images"][-1]["image"] == "day 1 ü.png"

    result = invoke("parity", *onnx, *budget, "moved.pth")
    assert result.exit_code == 1
    assert "keypoints differ by 12 px at the 95th percentile (12 px at worst, on a " in result.stderr
    assert "5% of the people have an OKS of " in result.stderr
    (entry,) = json.loads(Path("p.json").read_text())["results"]
    px = entry["paired"]["measures"]["px"]
    assert [px[name]["value"] for name in ("median", "p95")] == pytest.approx([8, 12], abs=0.05)
    assert not lines_wider_than(80, "\n".join(result.stdout.splitlines()[3:-2]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("{onnx}",), "repeat that argument, because it executes the file"),
        (
            ("{onnx}", "--precision", "bf16", "--network", "{network}"),
            "precision bf16: ONNX Runtime runs this file in fp32 on cpu",
        ),
        (
            ("{onnx}", "--images", "missing.png", "--images", ".", "--network", "{network}"),
            "missing.png: no such file or folder; pass an image or a folder of images",
        ),
        (
            ("{onnx}", "--max-mm", "-1", "--network", "{network}"),
            "--max-mm -1: expected a tolerance of at least 0",
        ),
        (
            ("{onnx}", "--max-px", "nan", "--network", "{network}"),
            "--max-px nan: expected a tolerance of at least 0",
        ),
        (
            ("{onnx}", "--budget", "1cm", "--network", "{network}"),
            "--budget 1cm: expected a number and one of the units px",
        ),
        (
            ("{onnx}", "--budget", "-1px", "--network", "{network}"),
            "--budget -1px: expected at least 0 px",
        ),
        (
            ("{onnx}", "--budget", "1px", "--budget", "2px", "--network", "{network}"),
            "--budget 2px: a second limit for this unit",
        ),
        (
            ("{onnx}", "--budget", "1px", "--max-px", "1", "--network", "{network}"),
            "--budget and --max-px: a budget replaces the tolerances; pass one of them",
        ),
        (
            ("{onnx}", "--budget", "1mm", "--network", "{network}"),
            "--budget: this lightweight-openpose-2d has no 3D positions",
        ),
        (("{onnx}", "--json", ".", "--network", "{network}"), ".: a folder; pass a file for the JSON"),
        (
            ("{onnx}", "--json", "a.onnx", "--network", "{network}"),
            "a.onnx: the name of a model or a checkpoint",
        ),
        (
            ("{onnx}", "--json", "A.PTH", "--network", "{network}"),
            "A.PTH: the name of a model or a checkpoint",
        ),
        (("{onnx}", "--images", "photos", "--network", "{network}"), "--images photos: photos/broken.jpg: "),
        (("{onnx}", "--images", "none.jpg", "--network", "{network}"), "none.jpg"),
        (("{onnx}", "--images", "text.txt", "--network", "{network}"), "text.txt"),
        (("human.onnx",), "a third-party model, whose checkpoint is not recorded; pass it with --checkpoint"),
        (("{human}/human.pth",), "not an exported model; export it first: posedeploy export"),
    ],
)
def test_bad_input_is_refused(
    arguments: tuple[object, ...],
    message: str,
    human: Path,
    network: tuple[str, str],
    refused: Callable[..., str],
    tmp_path: Path,
) -> None:
    onnx = human / "out" / "human.onnx"
    (tmp_path / "text.txt").write_text("no image")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"no image")
    shutil.copy(onnx, "human.onnx")
    arguments = fill(arguments, onnx=onnx, human=human, network=network[1])
    assert message in refused("parity", *arguments), arguments


@pytest.mark.slow
@pytest.mark.parametrize("family", ["lightweight-openpose-2d", "lightweight-openpose-3d"])
def test_the_published_networks_have_the_outputs_of_pytorch(
    family: str, done: Invoke, tmp_path: Path
) -> None:
    Case(BUNDLED / family).write(tmp_path / "human.pth")
    done("export", "human.pth", "--to", "openvino", "--input-size", "128x160", "-o", "out")
    result = done("parity", "out/human.xml")
    assert "within tolerance of PyTorch" in words(result.stdout)
    assert not lines_wider_than(80, result.stdout)


def test_a_missing_artifact_is_reported_before_any_comparison(
    human: Path, refused: Callable[..., str]
) -> None:
    message = refused("parity", human / "out" / "human.onnx", "gone.onnx")
    assert "gone.onnx: no such file" in message and "loading" not in message
