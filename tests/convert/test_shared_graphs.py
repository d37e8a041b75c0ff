"""Exports of the same network that share its ONNX graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from posedeploy.api.exporting import export_again
from posedeploy.convert.export_options import ExportOptions, ignore_progress
from posedeploy.convert.onnx import export_fp32
from posedeploy.convert.prepare import Graphs, prepare
from posedeploy.types import Model
from tests.support.networks import tiny_model

DIFFERENT = (
    ExportOptions(),
    ExportOptions(batch=2),
    ExportOptions((24, 16)),
    ExportOptions(dynamic=True),
    ExportOptions(outputs="last"),
    ExportOptions(embed_preprocessing=True),
)


@pytest.fixture
def exports(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The networks that PyTorch exported to ONNX."""
    exported: list[object] = []
    export = torch.onnx.export

    def counted(*args: object, **options: object) -> object:
        exported.append(args[0])
        return export(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("torch.onnx.export", counted)
    return exported


def test_precisions_and_targets_share_a_graph_that_stays_the_same(
    tiny: Model, exports: list[object], tmp_path: Path
) -> None:
    graphs: Graphs = {}
    written = []
    for precision in ("fp32", "fp16", "int8", "fp32"):
        options = ExportOptions(precision=precision, calibration_images=4)
        folder = tmp_path / str(len(written))
        export_again(tiny, ("onnx", "openvino"), folder, "a", options, ignore_progress, graphs)
        written.append([(folder / name).read_bytes() for name in ("a.onnx", "a.bin")])
    assert len(exports) == 1
    assert written[0] == written[-1]


def test_each_shape_has_its_own_graph(tiny: Model, exports: list[object], tmp_path: Path) -> None:
    graphs: Graphs = {}
    for number, options in enumerate(DIFFERENT):
        [artifact] = export_again(tiny, "onnx", tmp_path, f"a{number}", options, ignore_progress, graphs)
        graph = graphs[artifact.spec.inputs, artifact.spec.outputs].graph
        assert [value.name for value in graph.output] == [tensor.name for tensor in artifact.spec.outputs]
    assert len(exports) == len(graphs) == len(DIFFERENT)


def test_changed_weights_have_their_own_graph() -> None:
    prepared = prepare(tiny_model(), ExportOptions())
    other = prepare(tiny_model(), ExportOptions()).module
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(2)
    first, second = export_fp32(prepared), export_fp32(prepared.with_module(other, {}))
    weights = [{value.name: value.raw_data for value in each.graph.initializer} for each in (first, second)]
    assert weights[0].keys() == weights[1].keys()
    pairs = [[np.frombuffer(each[name], np.uint8) for each in weights] for name in weights[0]]
    assert any(not np.array_equal(*pair) for pair in pairs)
    assert export_fp32(prepared) is first
