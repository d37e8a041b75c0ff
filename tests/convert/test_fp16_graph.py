"""FP16 graphs, compared with the FP32 graphs by ONNX Runtime on the CPU."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from posedeploy.convert.fp16_graph import convert_to_fp16
from posedeploy.types import Array

F32, F16 = TensorProto.FLOAT, TensorProto.FLOAT16


def _model(
    nodes: list[onnx.NodeProto], shape: tuple[int, ...], output: tuple[int, ...], **weights: Array
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", F32, shape)],
        [helper.make_tensor_value_info("y", F32, output)],
        [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def _node(operator: str, inputs: list[str], output: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node(operator, inputs, [output], name=f"node_{output}", **attributes)


def _run(model: onnx.ModelProto, x: Array) -> Array:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found: Array = session.run(None, {"x": x})[0]
    return found


def _soft_argmax(cells: int) -> onnx.ModelProto:
    """Return the nodes of the expected cell of a row, as in pose networks: exponents, summed by products."""
    nodes = [
        _node("Exp", ["x"], "exp"),
        _node("Mul", ["exp", "cells"], "weighted"),
        _node("ReduceSum", ["weighted", "axes"], "sum"),
        _node("MatMul", ["exp", "ones"], "total"),
        _node("Div", ["sum", "total"], "y"),
    ]
    row = np.arange(cells, dtype=np.float32)
    ones = np.ones((cells, 1), np.float32)
    return _model(nodes, (1, cells), (1, 1), cells=row, ones=ones, axes=np.array([1]))


def test_sums_that_overflow_fp16_stay_fp32() -> None:
    model = _soft_argmax(2000)
    flat = np.zeros((1, 2000), np.float32)
    assert _run(model, flat) == 999.5
    assert abs(_run(convert_to_fp16(model), flat) - 999.5) <= 0.25, "float16 has steps of 0.5 there"


def test_a_softmax_stays_fp32_up_to_the_sum_over_it() -> None:
    cells = 4096
    nodes = [
        _node("Softmax", ["x"], "p", axis=1),
        _node("Mul", ["p", "cells"], "weighted"),
        _node("ReduceSum", ["weighted", "axes"], "y"),
    ]
    row = np.arange(cells, dtype=np.float32) / cells
    model = _model(nodes, (1, cells), (1, 1), cells=row, axes=np.array([1]))
    x = np.random.RandomState(0).standard_normal((1, cells)).astype(np.float16).astype(np.float32)
    half = convert_to_fp16(model)
    assert abs(_run(half, x) - _run(model, x)) < 3e-4
    made_by = {node.output[0]: node for node in half.graph.node}
    total = next(node for node in half.graph.node if node.op_type == "ReduceSum")
    weighted = made_by[total.input[0]]
    assert (weighted.op_type, made_by[weighted.input[0]].op_type) == ("Mul", "Softmax"), "no cast"
    assert len(half.graph.node) == 3 + 4, "there and back at either end"


def _normalized(square: list[onnx.NodeProto], rest: list[onnx.NodeProto]) -> onnx.ModelProto:
    """Return the nodes of ``x`` divided by a root of its sum of squares, before a layer."""
    nodes = [*square, *rest, _node("MatMul", ["unit", "weights"], "y")]
    constants = {"two": 2.0, "eps": 1e-8, "half": 0.5}
    scalars = {name: np.array(value, np.float32) for name, value in constants.items()}
    return _model(nodes, (2, 3), (2, 3), weights=np.eye(3, dtype=np.float32), axes=np.array([1]), **scalars)


SQUARES = {
    "power": [_node("Pow", ["x", "two"], "squares"), _node("ReduceSum", ["squares", "axes"], "sum")],
    "product": [_node("Mul", ["x", "x"], "squares"), _node("ReduceSum", ["squares", "axes"], "sum")],
    "mean": [_node("Mul", ["x", "x"], "squares"), _node("ReduceMean", ["squares", "axes"], "sum")],
    "sum": [_node("ReduceSumSquare", ["x", "axes"], "sum")],
}
ROOTS = {
    "root": [_node("Sqrt", ["sum"], "norm"), _node("Div", ["x", "norm"], "unit")],
    "power": [_node("Pow", ["sum", "half"], "norm"), _node("Div", ["x", "norm"], "unit")],
    "eps": [
        _node("Sqrt", ["sum"], "root"),
        _node("Add", ["root", "eps"], "norm"),
        _node("Div", ["x", "norm"], "unit"),
    ],
    "reciprocal": [
        _node("Sqrt", ["sum"], "norm"),
        _node("Reciprocal", ["norm"], "inverse"),
        _node("Mul", ["x", "inverse"], "unit"),
    ],
}


@pytest.mark.parametrize("square", SQUARES)
@pytest.mark.parametrize("root", ROOTS)
def test_squares_and_results_of_them_stay_fp32_until_the_next_layer(square: str, root: str) -> None:
    model = _normalized(SQUARES[square], ROOTS[root])
    half = convert_to_fp16(model)
    x = np.array([[300, 10, 5], [1e-5, 2e-5, 0]], np.float32)
    expected = ReferenceEvaluator(model).run(None, {"x": x})[0]
    actual = ReferenceEvaluator(half).run(None, {"x": x})[0]  # rounds each result, as GPUs do
    assert np.abs(actual - expected).max() < 0.03, "FP16 has steps of 6e-8 at 1e-5"
    weights = next(each for each in half.graph.initializer if each.name == "weights")
    assert weights.data_type == F16


def test_a_shape_of_a_sum_does_not_keep_others_in_fp32() -> None:
    nodes = [
        _node("ReduceSum", ["x", "axes"], "sum"),
        _node("Shape", ["sum"], "shape"),
        _node("Relu", ["x"], "positive"),
        _node("Expand", ["positive", "shape"], "wide"),
        _node("Add", ["wide", "positive"], "y"),
    ]
    half = convert_to_fp16(_model(nodes, (2, 3), (2, 3), axes=np.array([1])))
    onnx.checker.check_model(half, full_check=True)
    made_by = {node.output[0]: node for node in half.graph.node}
    (add,) = (node for node in half.graph.node if node.op_type == "Add")
    assert made_by[add.input[0]].op_type == "Expand", "no cast"
    assert made_by[made_by[add.input[0]].input[0]].op_type == "Relu", "no cast"


def test_a_tensor_that_two_such_sums_read_is_cast_once() -> None:
    nodes = [
        _node("Relu", ["x"], "r"),
        _node("ReduceSum", ["r", "axes"], "a"),
        _node("ReduceMean", ["r", "axes"], "b"),
        _node("Add", ["a", "b"], "y"),
    ]
    model = convert_to_fp16(_model(nodes, (2, 8), (2, 1), axes=np.array([1])))
    onnx.checker.check_model(model, full_check=True)
    x = np.ones((2, 8), np.float32)
    assert np.array_equal(_run(model, x), np.full((2, 1), 9.0, np.float32))


@pytest.mark.parametrize("seed", range(3))
def test_layers_compute_in_fp16_and_inputs_and_outputs_stay_fp32(seed: int) -> None:
    stream = np.random.RandomState(seed)
    weight = stream.standard_normal((64, 16)).astype(np.float32)
    model = _model([_node("MatMul", ["x", "w"], "h"), _node("Relu", ["h"], "y")], (4, 64), (4, 16), w=weight)
    before = model.SerializeToString()
    half = convert_to_fp16(model)
    assert model.SerializeToString() == before
    assert half.graph.initializer[0].data_type == F16
    assert [value.type.tensor_type.elem_type for value in (*half.graph.input, *half.graph.output)] == [
        F32,
        F32,
    ]
    x = stream.standard_normal((4, 64)).astype(np.float32)
    wanted = _run(model, x)
    assert 0 < np.abs(_run(half, x) - wanted).max() < 2e-3 * np.abs(wanted).max()


@pytest.mark.parametrize("perm", [(1, 0, 2), (1, 2, 0), (0, 2, 1)])
def test_a_transposition_before_a_matrix_product_runs_without_posedeploy(perm: tuple[int, ...]) -> None:
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    y = x.transpose(perm) @ np.ones((x.shape[perm[-1]], 5), np.float32)
    nodes = [
        _node("Relu", ["x"], "positive"),
        _node("Transpose", ["positive"], "transposed", perm=perm),
        _node("MatMul", ["transposed", "ones"], "y"),
    ]
    ones = np.ones((x.shape[perm[-1]], 5), np.float32)
    half = convert_to_fp16(_model(nodes, x.shape, y.shape, ones=ones))
    assert np.array_equal(_run(half, x), y)
    (product,) = (node for node in half.graph.node if node.op_type == "MatMul")
    weights = next(each for each in half.graph.initializer if each.name == product.input[1])
    assert weights.data_type == F16
