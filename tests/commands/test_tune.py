"""``tune``: what it refuses, its result, and searches that are interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest

import posedeploy
from posedeploy.api.tuning_files import CANDIDATES
from posedeploy.api.tuning_report import TuningReport
from posedeploy.tuning.state import STATE_NAME
from posedeploy.types import Array
from tests.commands.conftest import Invoke, lines_wider_than, words
from tests.support.tables import skip_with_gpu

QUICK = ("--budget", "1px", "--threads", 1, "--to", "onnx", "--calibration-images", 30, "--time", "2h")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--budget", "1"), "--budget 1: expected a number and one of the units px"),
        (("--budget", "1mm"), "--budget: this lightweight-openpose-2d has no 3D positions"),
        (
            ("--budget", "1px", "--time", "soon"),
            "--time soon: expected a time above 0, such as 90s, 10m or 1h",
        ),
        (("--budget", "1px", "--time", "0m"), "--time 0m: expected a time above 0, such as 90s, 10m or 1h"),
        (("--budget", "1px", "--time", "9" * 400), "9: expected a time above 0, such as 90s, 10m or 1h"),
        (("--budget", "1px", "--input-size", "64x" + "9" * 5000), "9: expected HEIGHTxWIDTH in pixels"),
        (("--budget", "1px", "--stages", "9" * 5000), "9: expected a number of refinement stages"),
        (("--budget", "1px", "--calibration-images", "0"), "--calibration-images 0: expected at least 1"),
        (("--budget", "1px", "--to", "caffe"), "no target is called 'caffe'; available: torchscript, onnx"),
        (("--budget", "1px", "--to", "tensorrt"), "no target can be tried on --device cpu: tensorrt: "),
        (("--budget", "1px", "--device", "gpu"), "--device gpu: unknown device; expected cpu, cuda"),
        (
            ("--budget", "1px", "--device", "intel-gpu.7"),
            "onnx, openvino: --device intel-gpu.7: OpenVINO does not have this device on this machine; use ",
        ),
        (("--budget", "1px", "--batch", "0"), "--batch 0: expected at least 1"),
        (
            ("--budget", "1px", "--batch", "1", "--batch", "2"),
            "--batch 2: latencies of different batch sizes",
        ),
        (("--budget", "1px", "--threads", "0"), "--threads 0: expected a thread count of at least 1"),
        (("--budget", "1px", "--input-size", "100x100"), "--input-size 100x100: height and width must be"),
        (("--budget", "1px", "--input-size", "100"), "--input-size 100: expected HEIGHTxWIDTH in pixels"),
        (("--budget", "1px", "--images", "nowhere"), "nowhere: no such file or folder"),
        (("--budget", "1px", "--calibration", "nowhere"), "--calibration nowhere: no image can be read"),
    ],
)
def test_a_bad_argument_is_refused(
    arguments: tuple[str, ...], message: str, refused: Callable[..., str]
) -> None:
    assert message in refused("tune", "sample", *arguments, "-o", "tuned")
    assert not Path("tuned").exists()


def test_a_missing_gpu_is_refused_by_name(refused: Callable[..., str]) -> None:
    skip_with_gpu()
    message = refused("tune", "sample", "--budget", "1px", "--device", "cuda", "-o", "tuned")
    assert "--device cuda: torch " in message
    assert "finds no CUDA device; use --device cpu" in message


def test_images_that_also_calibrate_are_refused(photo: Array, refused: Callable[..., str]) -> None:
    for name in ("a.png", "b.png"):
        cv2.imwrite(name, photo)
    message = refused("tune", "sample", *QUICK, "--images", "a.png", "--calibration", "b.png", "-o", "tuned")
    assert "--images a.png: 1 of 1 image was used to calibrate this network" in message


class Interruption:
    """Raises KeyboardInterrupt at the first activity that contains a text, and keeps the activities."""

    def __init__(self, text: str | None = None) -> None:
        self.text = text
        self.activities: list[str] = []

    def __call__(self, activity: str, share: float | None) -> None:
        self.activities.append(activity)
        if self.text is not None and self.text in activity:
            raise KeyboardInterrupt

    @property
    def exports(self) -> list[str]:
        return [each for each in self.activities if each.startswith("exporting")]


@pytest.fixture
def search(own: Path, network: tuple[str, str], tmp_path: Path) -> Callable[[Interruption], TuningReport]:
    """A search of the network of ``own`` for ONNX on one thread."""

    def run(interruption: Interruption) -> TuningReport:
        return posedeploy.tune(
            own / "human.pth",
            tmp_path / "tuned",
            "1px",
            time_s=7200,
            threads=[1],
            targets=["onnx"],
            calibration_images=30,
            on_progress=interruption,
            network=network[1],
        )

    return run


@pytest.mark.slow
@pytest.mark.parametrize(
    "activity",
    [
        "exporting human-fp16",
        "in a separate process",
        "measuring the errors of onnx fp16",
        "timing",
        "round 11",
        "comparing onnx",
    ],
)
def test_an_interrupted_search_continues(
    activity: str, search: Callable[[Interruption], TuningReport], tmp_path: Path
) -> None:
    first, second = Interruption(activity), Interruption()
    with pytest.raises(KeyboardInterrupt, match=r"finished steps are kept in .*run the same command again"):
        search(first)
    kept = json.loads((tmp_path / "tuned" / STATE_NAME).read_bytes())
    assert not (tmp_path / "tuned" / "tune.json").exists()
    report = search(second)
    exported = [each for each in first.exports if each not in second.exports]
    assert len(exported) == len(kept["model_files"]), "no finished export is repeated"
    assert report.blocks[: len(kept["blocks"])] == kept["blocks"]
    assert report.winner is not None
    assert {path.name for path in (tmp_path / "tuned").iterdir()} >= {"tune.json", "tune.svg", "parity.json"}


@pytest.mark.slow
def test_a_killed_search_continues(own: Path, network: tuple[str, str], tmp_path: Path) -> None:
    state = tmp_path / "tuned" / STATE_NAME
    command = [sys.executable, "-m", "posedeploy", "tune", "human.pth", *map(str, QUICK), "-o", state.parent]
    arguments = [*command, "--network", "crowd_net.py:build"]
    killed = subprocess.Popen(arguments, cwd=own, stderr=subprocess.PIPE, start_new_session=True)
    blocks: list[Any] = []
    while not blocks and killed.poll() is None:
        time.sleep(0.05)
        blocks = json.loads(state.read_bytes())["blocks"] if state.exists() else []
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    done = subprocess.run(arguments, cwd=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(state.read_bytes())["blocks"][: len(blocks)] == blocks
    assert "winner: onnx fp" in done.stdout


@pytest.fixture(scope="module")
def tuned(
    own: Path, network: tuple[str, str], done: Invoke, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder of a finished search; do not change it."""
    folder = tmp_path_factory.mktemp("tuned") / "día 1"
    done("tune", own / "human.pth", *QUICK, *network, "-o", folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 120])
def test_a_finished_search_is_shown_again(
    columns: int, tuned: Path, own: Path, network: tuple[str, str], done: Invoke
) -> None:
    before = json.loads((tuned / STATE_NAME).read_bytes())
    result = done("tune", own / "human.pth", *QUICK, *network, "-o", tuned, columns=columns)
    assert json.loads((tuned / STATE_NAME).read_bytes())["blocks"] == before["blocks"]
    table = result.stdout.partition("\n\n")[0]
    assert "Candidates for latency, budget 1 px, 2% unmatched keypoints (default)" in words(table)
    assert lines_wider_than(columns, table) == []
    assert "winner" in table
    assert f"run it with: posedeploy predict '{tuned}/human" in result.stdout
    assert "SOURCE --threads 1" in result.stdout
    assert "parity.json" in words(result.stderr)


@pytest.mark.slow
def test_the_result_has_the_winner_its_parity_and_the_command_that_exports_it(
    tuned: Path, done: Invoke
) -> None:
    document = json.loads((tuned / "tune.json").read_text())
    winner = next(row for row in document["results"] if row["label"] == document["winner"]["label"])
    assert (document["format"], document["version"]) == ("posedeploy.tune", 1)
    assert winner["within_budget"] and winner["label"] in document["front"]
    assert json.loads((tuned / "parity.json").read_text())["passed"]
    path = Path(document["winner"]["path"])
    assert path.parent == tuned
    command = document["winner"]["export_command"]
    assert command.startswith("posedeploy export ")
    assert command.endswith(f"-o '{tuned}'")
    done("report", tuned / "tune.json", "-o", "page.html")
    assert winner["label"] in Path("page.html").read_text()
    done("bench", path, "--runs", 1, *document["winner"]["run_options"])


@pytest.mark.slow
def test_candidates_without_their_arithmetic_are_left_out(tuned: Path) -> None:
    document = json.loads((tuned / "tune.json").read_text())
    rows = {row["label"]: row for row in document["results"]}
    left_out = {row["name"]: row["reason"] for row in document["left_out"]}
    assert ("onnx fp16 on openvino, 1 thread" in rows) != ("onnx fp16 on openvino" in left_out)
    assert {row["status"] for row in rows.values()} <= {"measured", "failed"}


@pytest.mark.slow
def test_other_settings_are_refused(
    tuned: Path, own: Path, network: tuple[str, str], refused: Callable[..., str]
) -> None:
    settings = ("--budget", "2px", *QUICK[2:])
    message = refused("tune", own / "human.pth", *settings, *network, "-o", tuned)
    assert (
        "holds a search with other settings (budget: 1 px, 2% unmatched keypoints (default) in the folder"
        in message
    )
    assert (tuned / CANDIDATES).is_dir()


@pytest.mark.slow
def test_a_budget_that_nothing_meets_names_the_smallest_error(invoke: Invoke) -> None:
    arguments = ("--budget", "0.01px", "--threads", 1, "--to", "torchscript", "--input-size", "64x96")
    result = invoke("tune", "sample", *arguments, "-o", "tuned")
    assert result.exit_code == 1
    assert "error: no candidate meets the budget (0.01 px" in words(result.stderr)
    document = json.loads(Path("tuned", "tune.json").read_text())
    shares = {row["label"]: row["error"]["budget_share"] for row in document["results"] if row["error"]}
    named = words(result.stderr).partition("the smallest error is that of ")[2].partition(" (")[0]
    assert shares[named] == min(shares.values())
    assert document["winner"] is None
    assert {path.name for path in Path("tuned").iterdir()} == {
        "tune.json",
        "tune.svg",
        STATE_NAME,
        CANDIDATES,
    }


@pytest.mark.slow
def test_too_little_time_measures_nothing_and_the_same_command_continues(
    invoke: Invoke, own: Path, network: tuple[str, str]
) -> None:
    arguments = ("tune", own / "human.pth", *QUICK[:-2], *network, "-o", "tuned")
    result = invoke(*arguments, "--time", "0.001s")
    assert result.exit_code == 1
    reason = "no candidate was measured within the time limit; use a longer time limit to continue"
    assert reason in words(result.stderr)
    assert "not tried: onnx fp32, 1 thread; " in words(result.stdout)
    assert invoke(*arguments, "--time", "2h").exit_code == 0
