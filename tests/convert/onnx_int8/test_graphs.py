"""Graphs in INT8: equalized channels, ranges, and layers that ONNX Runtime must not round."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from posedeploy.convert.best_range import best_range
from posedeploy.convert.export_options import ExportOptions
from posedeploy.convert.float_layers import find_first_layers
from posedeploy.convert.graph_view import GraphView, OperatorView
from posedeploy.convert.layer_choice import ELEMENT_COST
from posedeploy.convert.onnx import export_fp32
from posedeploy.convert.onnx_int8.quantize import make_quantizable
from posedeploy.convert.onnx_int8.ranges import run_on
from posedeploy.convert.prepare import Prepared, prepare
from posedeploy.errors import ExportError
from posedeploy.runtimes.onnx_wire import read_graph
from posedeploy.runtimes.onnxruntime_layers import LayerReport, count_layers
from posedeploy.types import Array, Calibration, CalibrationSet, Model, TensorSpec


class _Depthwise(nn.Module):
    """A layer that reads the input, and later a depthwise layer whose first channel has values 1000 times as
    large as the others."""

    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.first, self.activation = nn.Conv2d(4, 8, 3, padding=1), activation
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.up, self.last = nn.ConvTranspose2d(8, 4, 2, stride=2), nn.Conv2d(4, 2, 1)
        self.input = nn.Conv2d(3, 4, 1)
        with torch.no_grad():
            self.first.weight[0] *= 1000
            self.depthwise.weight[0] /= 1000

    def forward(self, data: Tensor) -> Tensor:
        x = self.activation(self.first(self.input(data).relu()))
        return self.last(self.up(self.depthwise(x).relu()).relu())


class _Tied(nn.Module):
    """A layer that is applied twice, each time before a depthwise layer of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 2, 1)
        self.one, self.other = (nn.Conv2d(8, 8, 3, padding=1, groups=8) for _ in range(2))
        with torch.no_grad():
            self.first.weight *= torch.logspace(-2, 1, 8).view(8, 1, 1, 1)

    def forward(self, data: Tensor) -> Tensor:
        pooled = nn.functional.avg_pool2d(data, 3, 1, 1)
        return self.last(self.one(self.first(data).relu()) + self.other(self.first(pooled).relu()))


class _Limited(nn.Module):
    """A layer before an activation with limits, among layers in INT8."""

    def __init__(self, low: float | None, high: float | None) -> None:
        super().__init__()
        self.first, self.limited, self.middle = (nn.Conv2d(inputs, 8, 3) for inputs in (3, 8, 8))
        self.last, self.limits = nn.Conv2d(8, 2, 1), (low, high)

    def forward(self, data: Tensor) -> Tensor:
        x = self.limited(self.first(data).relu()).clamp(*self.limits)
        return self.last(self.middle(x).relu())


def _prepare(network: nn.Module, tiny: Model) -> Prepared:
    spec = replace(tiny.spec, outputs=(TensorSpec("maps", ("batch", 2, "height", "width")),), roles={})
    model = replace(tiny, module=network.eval().requires_grad_(False), spec=spec)
    return prepare(model, ExportOptions(precision="int8"))


def _inputs(prepared: Prepared, count: int = 4) -> CalibrationSet:
    rng = np.random.default_rng(3)
    shape = tuple(prepared.example[0].shape)
    tensors = [{"data": rng.standard_normal(shape).astype(np.float32)} for _ in range(count)]
    return CalibrationSet(tensors, Calibration(source="images", sha256="", count=count))


def _run(path: Path, tensors: dict[str, Array]) -> tuple[Array, LayerReport]:
    settings, report = onnxruntime.SessionOptions(), LayerReport()
    settings.log_severity_level = 4
    session = report.record(
        lambda options: onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"]),
        settings,
    )
    return session.run(None, tensors)[0], report


def _quantize(prepared: Prepared, path: Path, float_layers: Collection[str] = ()) -> list[str]:
    network = make_quantizable(export_fp32(prepared), prepared, _inputs(prepared))
    network.write(float_layers, path)
    return [layer.name for layer in network.layers]


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.LeakyReLU(0.1), nn.PReLU(8), nn.Identity()], ids=str)
def test_a_channel_with_large_values_leaves_the_others_their_bits(
    activation: nn.Module, tiny: Model, tmp_path: Path
) -> None:
    torch.manual_seed(3)
    prepared = _prepare(_Depthwise(activation), tiny)
    assert len(_quantize(prepared, tmp_path / "a.onnx")) == 2
    tensors = _inputs(prepared).inputs[0]
    actual, report = _run(tmp_path / "a.onnx", dict(tensors))
    expected = prepared.module(torch.from_numpy(tensors["data"]))[0].numpy()
    assert report.counts["convolutions"] == {"int8": 2, "fp32": 2}
    assert report.counts["transposed convolutions"] == {"fp32": 1}
    assert 1e-4 < np.abs(actual - expected).max() / np.abs(expected).max() < 0.05


def test_layers_put_back_to_float_are_not_rounded(tiny: Model, tmp_path: Path) -> None:
    torch.manual_seed(3)
    prepared = _prepare(_Depthwise(nn.ReLU()), tiny)
    names = _quantize(prepared, tmp_path / "all.onnx")
    _quantize(prepared, tmp_path / "one.onnx", names[1:])
    _quantize(prepared, tmp_path / "none.onnx", names)
    tensors = dict(_inputs(prepared).inputs[0])
    reports = {name: _run(tmp_path / f"{name}.onnx", tensors)[1] for name in ("one", "none")}
    assert reports["one"].counts["convolutions"] == {"int8": 1, "fp32": 3}
    assert reports["none"].counts["convolutions"] == {"fp32": 4}
    exact, _ = _run(tmp_path / "none.onnx", tensors)
    expected = prepared.module(torch.from_numpy(tensors["data"]))[0].numpy()
    assert np.abs(exact - expected).max() / np.abs(expected).max() < 1e-5


def test_weights_of_a_layer_that_is_applied_twice_are_not_scaled(tiny: Model, tmp_path: Path) -> None:
    torch.manual_seed(3)
    prepared = _prepare(_Tied(), tiny)
    initializers = {value.name for value in export_fp32(prepared).graph.initializer}
    assert len(initializers) == 8, "the exporter shares the weights"
    _quantize(prepared, tmp_path / "none.onnx", _quantize(prepared, tmp_path / "all.onnx"))
    tensors = dict(_inputs(prepared).inputs[0])
    actual, _ = _run(tmp_path / "none.onnx", tensors)
    expected = prepared.module(torch.from_numpy(tensors["data"]))[0].numpy()
    assert np.abs(actual - expected).max() / np.abs(expected).max() < 1e-5


@pytest.mark.parametrize(
    ("low", "high", "is_fused"),
    [(0, 6, True), (-1, 1, True), (0.2, 0.5, False), (None, -0.1, False), (0.1, None, False)],
)
def test_limits_that_a_range_cannot_express_stay(
    low: float | None, high: float | None, is_fused: bool, tiny: Model, tmp_path: Path
) -> None:
    torch.manual_seed(3)
    prepared = _prepare(_Limited(low, high), tiny)
    _quantize(prepared, tmp_path / "a.onnx")
    clips = [node for node in onnx.load(tmp_path / "a.onnx").graph.node if node.op_type == "Clip"]
    kept = [node for node in clips if not node.name.endswith("_clip")]  # without those of guard_float_layers
    assert len(kept) == (0 if is_fused else 1)
    tensors = dict(_inputs(prepared).inputs[0])
    actual, report = _run(tmp_path / "a.onnx", tensors)
    assert report.counts["convolutions"] == {"int8": 2, "fp32": 2}
    if low is not None and high is not None:  # without VNNI, sums of products with a constant saturate
        expected = prepared.module(torch.from_numpy(tensors["data"]))[0].numpy()
        assert np.sqrt(np.square(actual - expected).mean()) < 0.03 * np.abs(expected).max()


def test_the_layers_of_a_search_have_costs_in_graph_order(tiny: Model) -> None:
    prepared = _prepare(_Depthwise(nn.ReLU()), tiny)
    network = make_quantizable(export_fp32(prepared), prepared, _inputs(prepared))
    dense, depthwise = network.layers
    assert dense.cost > depthwise.cost > 0


def test_the_cost_of_a_matrix_product_counts_its_inner_length(tiny: Model) -> None:
    prepared = _prepare(_Depthwise(nn.ReLU()), tiny)
    shapes = {"first": (12, 12), "a": (12, 40), "b": (6, 40), "c": (6, 20), "d": (20, 2)}
    nodes = [
        onnx.helper.make_node("MatMul", ["data", "first"], ["v"], "input"),
        onnx.helper.make_node("MatMul", ["v", "a"], ["w"], "wide"),
        onnx.helper.make_node("Gemm", ["w", "b"], ["x"], "transposed", transB=1),
        onnx.helper.make_node("Gemm", ["x", "c"], ["y"], "plain"),
        onnx.helper.make_node("MatMul", ["y", "d"], ["z"], "last"),
    ]
    ends = (
        [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)]
        for name, shape in (("data", (3, 12)), ("z", (3, 2)))
    )
    weights = [
        onnx.numpy_helper.from_array(np.ones(shape, np.float32), name) for name, shape in shapes.items()
    ]
    opsets = [onnx.helper.make_opsetid("", 18)]
    graph = onnx.helper.make_graph(nodes, "products", *ends, weights)
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9)
    calibration = CalibrationSet(
        [{"data": np.ones((3, 12), np.float32)}], Calibration(source="images", sha256="", count=1)
    )
    layers = make_quantizable(model, prepared, calibration).layers
    assert {layer.name: layer.cost for layer in layers} == {
        "wide": 3 * 40 * (12 + ELEMENT_COST),
        "transposed": 3 * 6 * (40 + ELEMENT_COST),
        "plain": 3 * 20 * (6 + ELEMENT_COST),
    }


@pytest.mark.parametrize("kind", ["Reshape", "Add", "Concat"])
def test_a_layer_that_reads_another_one_and_the_input_is_not_a_first_layer(kind: str) -> None:
    data, weights = OperatorView("data", "Parameter"), OperatorView("weights", "Constant")
    shape, scaled = OperatorView("shape", "Shape", [data]), OperatorView("scaled", "Multiply", [data])
    first = OperatorView("first", "Convolution", [scaled, weights])
    other = OperatorView("other", "Convolution", [data, weights])
    joined = OperatorView("joined", kind, [first, shape if kind == "Reshape" else data])
    second = OperatorView("second", "Convolution", [joined, weights])
    ordered = [shape, scaled, first, other, joined, second]
    assert find_first_layers(GraphView(ordered, [])) == {"first", "other"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.concatenate([np.linspace(0, 1, 10_000), [100]]), (0.0, 100.0)),
        (np.concatenate([np.linspace(0, 1, 1_000_000), [2]]), (0.0, 1.0)),
        (np.linspace(-1, 1, 1000), (-1.0, 1.0)),
        (np.zeros(0), (-1.0, 3.0)),
    ],
)
def test_a_range_leaves_out_rare_values_only_if_that_costs_less_than_rounding(
    values: Array, expected: tuple[float, float]
) -> None:
    low, high = (min(0, values.min()), values.max()) if len(values) else expected
    counts = np.histogram(values, 2048, (low, high))[0]
    assert best_range(counts, low, high) == pytest.approx(expected, rel=0.03, abs=0.06)


def test_layers_are_counted_without_the_package_onnx(tiny: Model, tmp_path: Path) -> None:
    prepared = _prepare(_Depthwise(nn.ReLU()), tiny)
    onnx.save(export_fp32(prepared), tmp_path / "a.onnx")
    nodes, types = read_graph((tmp_path / "a.onnx").read_bytes())
    graph = onnx.load(tmp_path / "a.onnx").graph
    assert [(node.kind, node.inputs, node.outputs) for node in nodes] == [
        (node.op_type, tuple(node.input), tuple(node.output)) for node in graph.node
    ]
    assert types == {tensor.name: tensor.data_type for tensor in graph.initializer}
    assert count_layers(nodes, types)["convolutions"] == {"fp32": 4}


@pytest.mark.parametrize(
    ("domain", "operator", "reason"),
    [
        ("", "Reshape", r"run it on the calibration input data 4 \(.*cannot be reshaped"),
        ("custom", "Missing", r"load it \(.*custom:Missing"),
    ],
)
def test_a_graph_that_onnxruntime_cannot_run_on_the_calibration_inputs_is_refused(
    domain: str, operator: str, reason: str
) -> None:
    node = onnx.helper.make_node(operator, ["data", "shape"], ["out"], domain=domain)
    data, out = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["size"]) for name in ("data", "out")
    )
    shape = onnx.numpy_helper.from_array(np.array([7], np.int64), "shape")
    graph = onnx.helper.make_graph([node], "graph", [data], [out], [shape])
    opsets = [onnx.helper.make_opsetid("", 18), onnx.helper.make_opsetid("custom", 1)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9)
    calibration = CalibrationSet(
        [{"data": np.ones(4, np.float32)}], Calibration(source="images", sha256="", count=1)
    )
    message = rf"^the network cannot be quantized: ONNX Runtime cannot {reason}.*\); use `precision=fp32`$"
    with pytest.raises(ExportError, match=message):
        list(run_on(model, ["out"], calibration))
