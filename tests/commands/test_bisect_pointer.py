"""When the output of ``parity`` points to ``bisect``."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from posedeploy.api.parity_report import ParityReport
from posedeploy.api.stage_attribution import can_bisect
from posedeploy.benchmarks.output_parity import OutputParity, measure_difference
from posedeploy.benchmarks.parity import Parity, ReferenceInfo
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
