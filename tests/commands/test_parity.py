from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from typer.testing import Result

from posedeploy.benchmarks import noise_floor, tolerances
from posedeploy.benchmarks.noise_floor import FLOAT64_FACTOR
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.types import Array
from tests.commands.conftest import Invoke, fill, lines_wider_than, words
from tests.predict.conftest import PEOPLE, write_image
from tests.support.networks import write_crop_network
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
        assert entry["poses"]["people"] == 7 * PEOPLE
        assert entry["outputs"][0]["inputs"] == [
            *("noise 0", "noise 1", "synthetic 0", "synthetic 1", "synthetic 2", "synthetic 3", "photo.png"),
        ]
        assert all(output["max_relative"] < 1e-4 for output in entry["outputs"])
    assert words(result.stdout).count("within tolerance of PyTorch") == 3
    assert "14 people matched, 0 missed, 0 extra" in words(result.stdout)


def test_other_weights_are_reported_with_the_worst_element(
    human: Path, network: tuple[str, str], invoke: Invoke, tmp_path: Path
) -> None:
    weights = torch.load(human / "human.pth", weights_only=True)
    weights["pafs"][0, 7, 3, 5] = 99.0
    torch.save(weights, tmp_path / "other.pth")
    arguments = (human / "out" / "human.onnx", "--checkpoint", "other.pth", "--json", "p.json", *network)
    result = invoke("parity", *arguments)
    assert result.exit_code == 1
    assert "outside tolerance of PyTorch" in words(result.stdout)
    assert re.search(
        r"human.onnx: pafs\[0, 7, 3, 5\] on (noise|synthetic) \d is .* instead of 99: ", result.stderr
    )
    (entry,) = json.loads(Path("p.json").read_text())["results"]
    assert not entry["passed"]
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
    """The maps of the people in one half of the image are shifted by one cell: the poses differ by 8 px."""
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
    assert "budget of the poses: 1 px, OKS 0.99, 2 % unmatched keypoints (default)" in result.stdout
    assert "within budget, compared with PyTorch in fp32" in words(result.stdout)
    (entry,) = json.loads(Path("p.json").read_text())["results"]
    assert entry["budget"] == {
        "px": 1,
        "mm": None,
        "oks": 0.99,
        "unmatched_percent": 2,
        "defaults": ["unmatched_percent"],
    }
    assert entry["paired"]["people"] == 7 * PEOPLE
    assert entry["paired"]["images"][-1]["image"] == "day 1 ü.png"

    result = invoke("parity", *onnx, *budget, "moved.pth")
    assert result.exit_code == 1
    assert "keypoints differ by 8 px at the 95th percentile (8 px at worst, on " in result.stderr
    assert "5 % of the people have an OKS of " in result.stderr
    (entry,) = json.loads(Path("p.json").read_text())["results"]
    assert entry["paired"]["measures"]["px"]["p95"]["value"] == pytest.approx(8, abs=0.05)
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


@pytest.fixture(scope="module")
def small(done: Invoke, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small single-person network (ONNX, OpenVINO, checkpoint ``a.pth``); do not change the files."""
    folder = tmp_path_factory.mktemp("small")
    write_crop_network("mobile", folder / "a.pth")
    done("export", folder / "a.pth", "--to", "onnx", "--to", "openvino", "-o", folder)
    return folder / "a.onnx"


@pytest.fixture
def few_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise_floor, "RUNS", 2)


def _entry(result: Result) -> dict[str, Any]:
    (entry,) = json.loads(Path("p.json").read_text())["results"]
    assert (result.exit_code == 0) == entry["passed"]
    return dict(entry)


def test_a_tolerance_that_the_user_passes_is_not_widened(small: Path, few_runs: None, invoke: Invoke) -> None:
    entry = _entry(invoke("parity", small, "--json", "p.json", "--rtol", "1e-9"))
    assert (entry["passed"], entry["reference_precision"], entry["noise_floor"]) == (False, "fp32", None)
    shown = invoke("parity", small, "--json", "p.json", "--rtol", "1e-9", "--noise-floor")
    assert "not used with --rtol" in words(shown.stdout)
    entry = _entry(shown)
    assert (entry["passed"], entry["reference_precision"]) == (False, "fp32")
    assert entry["outputs"][0]["max_relative_tolerance"] == 1e-9
    assert "tolerance 1.0e-09 (noise floor of PyTorch fp32 on cpu: " in entry["failures"][0]


def test_fp64_is_the_reference_if_noise_exceeds_the_tolerance(
    small: Path, few_runs: None, done: Invoke, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A tolerance that noise alone exceeds, on any machine.
    monkeypatch.setattr(tolerances, "TOLERANCES", {"fp32": Tolerance(rtol=1e-9)})
    arguments = ("parity", small, "--json", "p.json")
    result = done(*arguments)
    assert "within tolerance of PyTorch in fp64" in words(result.stdout)
    assert "floor: PyTorch fp32 on cpu against fp64, 12 runs on 6 inputs; differences up to 2x pass" in words(
        result.stdout
    )
    assert "for comparison, JPEG at quality 95 moves keypoints by " in words(result.stdout)
    assert not lines_wider_than(80, result.stdout)
    entry = _entry(result)
    assert entry["reference_precision"] == "fp64"
    (output,) = entry["outputs"]
    noise = entry["noise_floor"]["outputs"]["coord"]
    assert output["max_relative_floor"] == noise["largest"] > 1e-9
    assert output["max_relative_tolerance"] == FLOAT64_FACTOR * noise["largest"]
    assert output["rms_relative_tolerance"] == FLOAT64_FACTOR * noise["rms"]
    assert entry["noise_floor"]["poses"]["keypoints"] == 6 * 21
    assert entry["noise_floor"]["jpeg_poses"]["median_px"] > 0

    state = torch.load(small.with_name("a.pth"), weights_only=True)
    state["state_dict"]["backbone.final_layer.weight"] *= 1.01
    torch.save(state, "other.pth")
    other = invoke(*arguments, "--checkpoint", "other.pth")
    assert other.exit_code == 1 and "outside tolerance of PyTorch in fp64" in words(other.stdout)


def test_each_precision_has_its_own_noise_floor_and_tolerance(
    small: Path, few_runs: None, invoke: Invoke
) -> None:
    """OpenVINO runs BF16 on every CPU, in software if necessary."""
    arguments = ("parity", small.with_suffix(".xml"), "--precision", "bf16", "--json", "p.json")
    result = invoke(*arguments, "--max-px", "50", "--max-mm", "500")
    if "runs this in fp32" in result.stderr:
        pytest.skip("this CPU has no bf16")
    assert result.stdout, result.stderr
    assert "tolerance: 8e-03 of the largest value, 50 px, 500 mm" in result.stdout
    assert "floor: PyTorch bf16 on cpu against fp64" in words(result.stdout)
    entry = _entry(result)
    assert entry["passed"]
    assert entry["outputs"][0]["max_relative_floor"] > 2e-5, "that of FP32 is below 1e-6"


def test_a_precision_without_pytorch_support_has_no_noise_floor(
    small: Path, done: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tolerances, "MANTISSA_BITS", {"bf16": 7})
    result = done("parity", small, "--noise-floor")
    assert "no noise floor: PyTorch has no counterpart to the reported precision 'fp32" in words(
        result.stdout
    )


def test_a_user_network_without_fp64_has_no_noise_floor(
    own: Path, network: tuple[str, str], done: Invoke
) -> None:
    text = (own / "crowd_net.py").read_text()
    Path("net.py").write_text(
        "import torch\n"
        + text.replace("return CrowdNetwork(", "return Picky(")
        + "\n\nclass Picky(CrowdNetwork):\n"
        + "    def forward(self, data):\n"
        + "        return super().forward(data @ torch.eye(data.shape[-1]))\n"
    )
    shutil.copy(own / "human.pth", "human.pth")
    arguments = ("--network", "net.py:build")
    done("export", "human.pth", "--to", "onnx", "-o", "out", *arguments)
    result = done("parity", "out/human.onnx", "--noise-floor", *arguments)
    assert "no noise floor: net.py:build does not run in another precision (" in words(result.stdout)


def test_a_missing_artifact_is_reported_before_any_comparison(
    human: Path, refused: Callable[..., str]
) -> None:
    message = refused("parity", human / "out" / "human.onnx", "gone.onnx")
    assert "gone.onnx: no such file" in message and "loading" not in message
