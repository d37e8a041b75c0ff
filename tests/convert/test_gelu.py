"""GELU becomes one operator if a runtime has one, with bitwise equal results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from posedeploy.convert.gelu import regroup_gelu
from posedeploy.convert.onnx import OPSET
from posedeploy.suppress_output import only_errors


class Net(nn.Module):
    """Three GELUs, one of them of a doubled value, and a product with an erf that is no GELU."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.gelu(self.linear(x))
        x = nn.functional.gelu(x) + nn.functional.gelu(2 * x)
        return x * (0.25 * (1 + torch.erf(x)))


def exported(path: Path) -> onnx.ModelProto:
    torch.manual_seed(0)
    with only_errors("torch.onnx", ignored=(FutureWarning, DeprecationWarning)):
        torch.onnx.export(
            Net().eval(), (torch.zeros(4, 6),), path, dynamo=True, opset_version=OPSET, verbose=False
        )
    return onnx.load(path)


def test_only_gelus_become_one_operator(tmp_path: Path) -> None:
    model = exported(tmp_path / "a.onnx")
    before = onnx.ModelProto()
    before.CopyFrom(model)
    regroup_gelu(model)
    onnx.checker.check_model(model, full_check=True)
    data = np.random.RandomState(0).randn(4, 6).astype(np.float32)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath, options.log_severity_level = str(tmp_path / "optimized.onnx"), 3
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    operators = [node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node]
    assert (operators.count("Gelu"), operators.count("Erf")) == (3, 1)
    plain = onnxruntime.SessionOptions()
    plain.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    results = [
        onnxruntime.InferenceSession(each.SerializeToString(), plain, providers=["CPUExecutionProvider"]).run(
            None, {each.graph.input[0].name: data}
        )[0]
        for each in (before, model)
    ]
    assert np.array_equal(*results), "the same, bit for bit"


def test_a_second_pass_changes_nothing(tmp_path: Path) -> None:
    model = exported(tmp_path / "a.onnx")
    regroup_gelu(model)
    again = onnx.ModelProto()
    again.CopyFrom(model)
    regroup_gelu(again)
    assert again == model
