"""``posedeploy parity --images VIDEO``: frames, added jitter and identity switches."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.commands.conftest import Invoke, fill, words
from tests.predict.conftest import PEOPLE, write_image
from tests.predict.videos import make_video, picture
from tests.support import third_party
from tests.support.third_party import TensorKind

VIDEO = "día 1.mp4"
FRAMES = 6


@pytest.fixture(autouse=True)
def video(elsewhere: None, tmp_path: Path) -> Path:
    return make_video(tmp_path / VIDEO, stamps=range(FRAMES))


def result_of(path: str) -> dict[str, Any]:
    (entry,) = json.loads(Path(path).read_text())["results"]
    return entry  # type: ignore[no-any-return]


def test_the_frames_of_a_video_are_compared_one_by_one(
    human: Path, network: tuple[str, str], done: Invoke
) -> None:
    write_image(Path("photo.png"), picture())
    images = ("--images", VIDEO, "--images", "photo.png", "--frames", 5, "--json", "p.json")
    result = done("parity", human / "out" / "human.onnx", *images, *network)
    assert f"{VIDEO}: the first 5 of {FRAMES} frames are compared; pass --frames" in words(result.stderr)
    assert f"identity switches in {VIDEO} (5 frames): 0 only in the model, 0 only in PyTorch" in words(
        result.stdout
    )
    assert "added jitter" in result.stdout
    entry = result_of("p.json")
    assert entry["outputs"][0]["inputs"][-6:] == [
        "photo.png",
        *(f"{VIDEO}, frame {number}" for number in range(5)),
    ]
    (compared,) = entry["videos"]
    assert (compared["video"], compared["frames"]) == (VIDEO, 5)
    assert compared["jitter"]["px"]["worst"]["value"] == 0
    assert compared["jitter"]["px"]["count"] > 3 * PEOPLE
    assert (compared["candidate_switches"], compared["reference_switches"], compared["switches"]) == (
        0,
        0,
        [],
    )


@pytest.mark.slow
def test_a_certificate_of_a_video_is_verified(
    own: Path, network: tuple[str, str], done: Invoke, invoke: Invoke
) -> None:
    shutil.copy(own / "human.pth", "human.pth")
    done("export", "human.pth", "--to", "onnx", "-o", "out", *network)
    done("parity", "out/human.onnx", "--images", VIDEO, "--frames", 4, "--certificate", "c.json", *network)
    document = json.loads(Path("c.json").read_text())
    assert document["arguments"]["frames"] == 4
    assert [each["name"] for each in document["files"] if each["role"] == "image"] == [VIDEO]
    page = Path("c.html").read_text(encoding="utf-8")
    assert f"<h3>{VIDEO}</h3>" in page and "identity switches: 0 only in the model" in page
    done("verify", "c.json", *network)
    make_video(Path(VIDEO), stamps=range(5))
    result = invoke("verify", "c.json", *network)
    assert result.exit_code == 1
    assert f"{VIDEO}: changed: its SHA-256 is" in words(result.output)


@pytest.mark.slow
def test_a_reference_file_has_the_places_of_the_frames(
    human: Path, network: tuple[str, str], done: Invoke
) -> None:
    model, saved = human / "out" / "human.onnx", "r.safetensors"
    done("parity", model, "--images", VIDEO, "--save-reference", saved, "--json", "p.json", *network)
    done("parity", model, "--reference", saved, "--json", "q.json")
    assert result_of("q.json")["videos"] == result_of("p.json")["videos"] != []


@pytest.mark.slow
def test_two_artifacts_are_compared_on_a_video(done: Invoke) -> None:
    kind = TensorKind("float32", "NCHW")
    third_party.write_onnx(Path("a.onnx"), kind, kind)
    Path("a.toml").write_text(third_party.contract(kind, kind))
    os.link("a.onnx", "b.onnx")
    arguments = ("a.onnx", "--contract", "a.toml", "--against", "b.onnx", "--images", VIDEO)
    result = done("parity", *arguments, "--json", "p.json")
    line = f"in {VIDEO} ({FRAMES} frames): 0 only in the model, 0 only in the reference"
    assert line in words(result.stdout)
    assert result_of("p.json")["videos"][0]["frames"] == FRAMES


@pytest.mark.slow
def test_a_constant_difference_adds_no_jitter(human: Path, network: tuple[str, str], invoke: Invoke) -> None:
    """The maps of this network do not depend on the image."""
    weights = torch.load(human / "human.pth", weights_only=True)
    torch.save({name: torch.roll(array, 1, -1) for name, array in weights.items()}, "other.pth")
    other = ("--checkpoint", "other.pth", "--images", VIDEO, "--budget", "50px", "--json", "p.json")
    invoke("parity", human / "out" / "human.onnx", *other, *network)
    entry = result_of("p.json")
    assert entry["paired"]["measures"]["px"]["median"]["value"] > 1
    assert entry["videos"][0]["jitter"]["px"]["worst"]["value"] == pytest.approx(0, abs=1e-4)


@pytest.mark.slow
def test_videos_of_one_name_are_distinguished(human: Path, network: tuple[str, str], done: Invoke) -> None:
    for folder in ("a", "b"):
        Path(folder).mkdir()
        shutil.copy(VIDEO, Path(folder, "walk.mp4"))
    images = ("--images", "a/walk.mp4", "--images", "b/walk.mp4", "--frames", 3, "--json", "p.json")
    done("parity", human / "out" / "human.onnx", *images, *network)
    names = [each["video"] for each in result_of("p.json")["videos"]]
    assert names == ["a/walk.mp4", "b/walk.mp4"]


def test_a_damaged_image_beside_another_one_is_left_out(
    human: Path, network: tuple[str, str], done: Invoke
) -> None:
    write_image(Path("photo.png"), picture())
    Path("empty.png").touch()
    images = ("--images", "photo.png", "--images", "empty.png", "--json", "p.json")
    result = done("parity", human / "out" / "human.onnx", *images, *network)
    assert "empty.png: the file is empty (0 bytes)" in words(result.stderr)
    assert result_of("p.json")["outputs"][0]["inputs"][-1] == "photo.png"


@pytest.mark.parametrize("damaged", ["text.mp4", "empty.mp4", "cut.mp4"])
def test_a_damaged_video_beside_another_one_is_left_out(
    damaged: str, human: Path, network: tuple[str, str], done: Invoke
) -> None:
    contents = {"text.mp4": b"no video", "empty.mp4": b"", "cut.mp4": Path(VIDEO).read_bytes()[:200]}
    Path(damaged).write_bytes(contents[damaged])
    images = ("--images", damaged, "--images", VIDEO, "--frames", 3, "--json", "p.json")
    result = done("parity", human / "out" / "human.onnx", *images, *network)
    assert f"left out: {damaged}: " in words(result.stderr)
    assert [each["video"] for each in result_of("p.json")["videos"]] == [VIDEO]


def test_damaged_videos_alone_are_refused_with_all_reasons(
    human: Path, network: tuple[str, str], refused: Callable[..., str]
) -> None:
    Path("text.mp4").write_text("no video")
    Path("empty.mp4").touch()
    images = ("--images", "text.mp4", "--images", "empty.mp4")
    message = refused("parity", human / "out" / "human.onnx", *images, *network)
    assert "text.mp4: not an image or a video" in message
    assert "empty.mp4: the file is empty (0 bytes)" in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--frames", 5), "`--frames 5`: only valid with a video; also pass one as --images"),
        (("--images", "photo.png", "--frames", 5), "only valid with a video; also pass one as --images"),
        (("--images", "text.mp4"), "text.mp4: not an image or a video that FFmpeg reads, or damaged"),
        (("--images", "empty.mp4"), "empty.mp4: the file is empty (0 bytes); expected an image or a video"),
    ],
)
def test_a_file_that_is_not_a_video_is_refused(
    arguments: tuple[object, ...],
    message: str,
    human: Path,
    network: tuple[str, str],
    refused: Callable[..., str],
) -> None:
    write_image(Path("photo.png"), np.zeros((64, 64, 3), np.uint8))
    Path("text.mp4").write_text("no video")
    Path("empty.mp4").touch()
    model = human / "out" / "human.onnx"
    assert message.replace("`", "") in refused("parity", model, *fill(arguments), *network).replace("`", "")


def test_bisect_takes_no_video(human: Path, network: tuple[str, str], refused: Callable[..., str]) -> None:
    model = human / "out" / "human.onnx"
    assert f"{VIDEO}: not an image; pass an image" in refused("bisect", model, "--images", VIDEO, *network)
