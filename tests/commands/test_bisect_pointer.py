"""When the output of ``parity`` points to ``bisect``."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from posedeploy.api.compared_files import Comparison
from posedeploy.api.parity_report import ParityReport
from posedeploy.api.stage_attribution import can_bisect
from posedeploy.benchmarks.output_parity import OutputParity, measure_difference
from posedeploy.benchmarks.parity import AgainstInfo, Parity, ReferenceInfo
from posedeploy.benchmarks.stage_parity import StageParity
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.commands.parity import show_parity
from posedeploy.types import RuntimeInfo

PYTORCH = RuntimeInfo("pytorch", "2", "CPU", "fp32", 1)
WRONG = Parity(
    "a.model",
    RuntimeInfo("onnxruntime", "1", "CPU", "fp32", 1),
    (OutputParity("maps", (measure_difference("noise", np.ones(3), np.zeros(3)),)),),
    None,
    Tolerance(),
    reference=ReferenceInfo(checkpoint="a.pth", checkpoint_sha256="0" * 64, runtime_info=PYTORCH),
    stages=(StageParity(stage="network", status="different"),),
)
SAVED = ReferenceInfo(checkpoint="a.pth", checkpoint_sha256="0" * 64)


@pytest.mark.parametrize(
    ("result", "is_shown"),
    [
        (WRONG, True),
        (replace(WRONG, runtime_info=replace(WRONG.runtime_info, runtime="litert")), True),
        (replace(WRONG, runtime_info=replace(WRONG.runtime_info, runtime="aoti")), False),
        (replace(WRONG, runtime_info=replace(WRONG.runtime_info, runtime="tensorrt")), False),
        (replace(WRONG, reference=SAVED), False),
        (replace(WRONG, reference=None), False),
        (replace(WRONG, stages=(StageParity(stage="network", status="within limits"),)), False),
    ],
    ids=["onnxruntime", "litert", "aoti", "tensorrt", "reference file", "artifact", "network passes"],
)
def test_bisect_is_named_only_where_it_can_find_the_layer(
    result: Parity, is_shown: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    show_parity(ParityReport((result,)), None)
    shown = "find the faulty layer with: posedeploy bisect a.model" in capsys.readouterr().out
    assert shown is is_shown
    assert can_bisect(result) is (is_shown or result.stages != WRONG.stages)


def test_the_bisect_command_can_be_pasted_and_repeats_the_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video, image = tmp_path / "clip.mp4", tmp_path / "a.png"
    video.write_bytes(b"damaged")
    image.write_bytes(b"damaged")
    arguments = {
        "device": "cpu", "threads": 1, "runtime": "openvino", "checkpoint": "my weights/a.pth", "rtol": 1e-3,
        "network": "net.py:build", "contract": "c.toml", "images": [str(video), str(image)], "mesh": None,
    }  # fmt: skip
    result = replace(WRONG, label="out [fp32]/it's a.onnx")
    show_parity(ParityReport((result,), compared=Comparison(arguments, ())), None)
    output = capsys.readouterr().out
    (command,) = re.findall("find the faulty layer with: (.*)", output)
    assert shlex.split(command) == [
        "posedeploy", "bisect", result.label, "--threads", "1", "--runtime", "openvino", "--checkpoint",
        "my weights/a.pth", "--network", "net.py:build", "--contract", "c.toml", "--images", str(image),
    ]  # fmt: skip
    for line in (result.label, f"{result.label}: outside tolerance of PyTorch in fp32"):
        assert line in output.splitlines()


def test_brackets_in_the_path_of_the_reference_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    against = AgainstInfo(
        path="out[fp32]/[/bold]a.onnx", model_sha256={}, runtime_info=WRONG.runtime_info, outputs={}
    )
    show_parity(ParityReport((replace(WRONG, against=against),)), None)
    assert "a.model: outside tolerance of out[fp32]/[/bold]a.onnx in fp32" in capsys.readouterr().out
