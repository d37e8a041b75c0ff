from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands.conftest import Invoke, lines_wider_than, words


def test_every_target_is_exported_from_a_folder_with_spaces_and_accents(human: Path) -> None:
    names = sorted(path.name for path in (human / "out").iterdir())
    models = ["human.bin", "human.onnx", "human.torchscript", "human.xml"]
    manifests = [f"{name}.posedeploy.json" for name in models if name != "human.bin"]
    assert names == sorted(models + manifests)
    manifest = json.loads((human / "out" / "human.xml.posedeploy.json").read_text())
    assert manifest["provenance"]["checkpoint"] == str(human / "human.pth")


def test_written_files_and_tensors_are_shown(own: Path, network: tuple[str, str], done: Invoke) -> None:
    result = done("export", own / "human.pth", "--to", "onnx", "--name", "[x] a", "-o", "o", *network)
    lines = [line.rstrip() for line in result.stdout.splitlines()]
    assert lines[:3] == [
        "Artifacts",
        "file          target    size",
        "────────────────────────────",
    ]
    assert re.fullmatch(r"o/\[x\] a\.onnx  onnx    4\d\d kB", lines[3])
    assert "input   data      float32  1 x 3 x 256 x 456 NCHW" in result.stdout
    assert result.stderr.splitlines() == [
        f"running the code in {network[1]}",
        "wrote o/[x] a.onnx and [x] a.onnx.posedeploy.json",
    ]


def test_the_command_that_times_a_reduced_precision_is_shown(
    own: Path, network: tuple[str, str], done: Invoke
) -> None:
    arguments = ("--to", "torchscript", "--precision", "bf16", "--name", "a b", "-o", "o", *network)
    *_, parity, bench = done("export", own / "human.pth", *arguments).stdout.splitlines()
    words = f"'o/a b.torchscript' --network {shlex.quote(network[1])}"
    assert (parity, bench) == (f"next: posedeploy parity {words}", f"time it: posedeploy bench {words}")


@pytest.mark.slow
def test_the_sample_is_exported_with_dynamic_axes(done: Invoke) -> None:
    result = done("export", "--dynamic", "--outputs", "last")
    assert "the built-in sample: lightweight-openpose-2d, trained on synthetic people" in result.stderr
    names = ["sample.bin", "sample.xml", "sample.xml.posedeploy.json"]
    assert sorted(path.name for path in Path("artifacts").iterdir()) == names
    assert "stage_1_output_0_pafs      float32  batch x 38 x height/8 x width/8 NCHW" in result.stdout
    assert not lines_wider_than(80, result.stdout)
    inspected = words(done("inspect", "artifacts/sample.xml").stdout)
    assert "checkpoint the built-in sample" in inspected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--to", "coreml"), "no target is called 'coreml'; available: torchscript, onnx, openvino"),
        (("--outputs", "some"), "--outputs some: expected all or last"),
        (("--input-size", "256"), "--input-size 256: expected HEIGHTxWIDTH in pixels, such as 256x456"),
        (("--input-size", "250x456"), "--input-size: the input shape of this network is fixed"),
        (("-o", "file/out"), "file/out: cannot write here (Not a directory)"),
        (("--family", "lightweight-openpose-2d"), "--network and --family exclude each other"),
    ],
)
def test_bad_options_are_refused(
    arguments: tuple[object, ...],
    message: str,
    own: Path,
    network: tuple[str, str],
    refused: Callable[..., str],
    tmp_path: Path,
) -> None:
    weights = own / "human.pth"
    (tmp_path / "file").write_text("")
    assert message in refused("export", weights, *arguments, *network)
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--input-size", "250x456", "250x456: height and width must be multiples of 8"),
        ("--batch", "0", "--batch 0"),
    ],
)
def test_bad_sizes_of_the_sample_are_refused(
    option: str, value: str, message: str, refused: Callable[..., str], tmp_path: Path
) -> None:
    assert message in refused("export", option, value)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_a_checkpoint_is_refused(
    own: Path, refused: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "empty.pth").write_bytes(b"")
    (tmp_path / "folder.pth").mkdir()
    assert "no.pth" in refused("export", "no.pth")
    assert "folder.pth" in refused("export", "folder.pth")
    assert "empty.pth" in refused("export", "empty.pth")
    assert "human.pth" in refused("export", own / "human.pth")
    message = "no network family is called 'openpose'; the families are lightweight-openpose-2d,"
    assert message in refused("export", own / "human.pth", "--family", "openpose")
    assert (
        "--family, --network, --mesh and --weights describe a checkpoint file, and the built-in sample needs "
        in refused("export", "--family", "x")
    )
    assert not Path("artifacts").exists()


@pytest.mark.slow
def test_ctrl_c_leaves_existing_files_unchanged(tmp_path: Path) -> None:
    before = {"sample.xml": "an old artifact", "sample.bin": "and its weights"}
    (tmp_path / "artifacts").mkdir()
    for name, text in before.items():
        (tmp_path / "artifacts" / name).write_text(text)
    with subprocess.Popen(
        [sys.executable, "-m", "posedeploy", "export"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        deadline = time.monotonic() + 60
        while not list((tmp_path / "artifacts").glob(".posedeploy-*")) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        messages = process.stderr.read()
    assert process.returncode == 1
    assert messages.splitlines()[-1].startswith("error: interrupted; no partial files remain")
    assert "Traceback" not in messages
    assert {path.name: path.read_text() for path in (tmp_path / "artifacts").iterdir()} == before
