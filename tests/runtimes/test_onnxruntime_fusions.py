"""Third-party ONNX files on which a fusion crashes ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from posedeploy.errors import ArtifactError
from posedeploy.runtimes.load_runner import open_artifact, open_runner
from posedeploy.runtimes.onnx_wire import WireNode, read_graph
from posedeploy.runtimes.onnxruntime_fusions import FUSION, find_crashing_fusions
from posedeploy.types import RunOptions

LENGTHS = (3, 4, 5, 6)
CRASHING = [(1, 0, 2), (1, 2, 0), (1, 2, 0, 3), (1, 2, 3, 0)]
HARMLESS = [(1, 0), (0, 2, 1), (2, 0, 1), (0, 2, 1, 3), (1, 0, 2, 3)]


def _write(path: Path, perm: tuple[int, ...], *, is_cast: bool) -> Path:
    """Write the product of a transposed FP16 tensor and ones: in FP32 after a Cast, otherwise in FP16."""
    shape = LENGTHS[: len(perm)]
    dtype, factor = (np.float32, "cast") if is_cast else (np.float16, "transposed")
    nodes = [
        helper.make_node("Cast", ["x"], ["half"], to=TensorProto.FLOAT16),
        helper.make_node("Transpose", ["half"], ["transposed"], perm=perm),
        helper.make_node("Cast", ["transposed"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", [factor, "ones"], ["product"]),
        helper.make_node("Cast", ["product"], ["y"], to=TensorProto.FLOAT),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [*(shape[axis] for axis in perm[:-1]), 2])
    ones = onnx.numpy_helper.from_array(np.ones((shape[perm[-1]], 2), dtype), "ones")
    graph = helper.make_graph(nodes, "test", [x], [y], [ones])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)
    return path


@pytest.mark.parametrize("is_cast", [True, False])
@pytest.mark.parametrize("perm", CRASHING)
def test_such_a_file_runs(perm: tuple[int, ...], is_cast: bool, tmp_path: Path) -> None:
    path = _write(tmp_path / "a.onnx", perm, is_cast=is_cast)
    assert find_crashing_fusions(path) == [FUSION]
    x = np.arange(np.prod(LENGTHS[: len(perm)]), dtype=np.float32).reshape(LENGTHS[: len(perm)])
    with open_runner(open_artifact(path), RunOptions(threads=1)) as runner:
        y = runner.run({"x": x})["y"]
    assert np.array_equal(y, x.transpose(perm) @ np.ones((x.shape[perm[-1]], 2)))


def _to_constant(model: onnx.ModelProto) -> None:
    (ones,) = model.graph.initializer
    model.graph.node.insert(0, helper.make_node("Constant", [], ["ones"], value=ones))
    del model.graph.initializer[:]


def _add_identity(model: onnx.ModelProto) -> None:
    model.graph.node.insert(2, helper.make_node("Identity", ["transposed"], ["same"]))
    model.graph.node[4].input[0] = "same"


def _to_function(model: onnx.ModelProto) -> None:
    opsets = [helper.make_opsetid("", 18)]
    nodes = list(model.graph.node)
    function = helper.make_function("own", "Product", ["x", "ones"], ["y"], nodes, opsets)
    model.functions.append(function)
    del model.graph.node[:]
    model.graph.node.append(helper.make_node("Product", ["x", "ones"], ["y"], domain="own"))
    model.opset_import.append(helper.make_opsetid("own", 1))


def _cast_twice(model: onnx.ModelProto) -> None:
    model.graph.node.insert(3, helper.make_node("Cast", ["cast"], ["again"], to=TensorProto.FLOAT16))
    model.graph.node[4].input[0] = "again"


@pytest.mark.parametrize("change", [_to_constant, _add_identity, _to_function, _cast_twice])
def test_such_a_file_runs_in_every_form(change: Callable[[onnx.ModelProto], None], tmp_path: Path) -> None:
    path = _write(tmp_path / "a.onnx", (1, 0, 2), is_cast=False)
    model = onnx.load(path)
    change(model)
    onnx.save(model, path)
    x = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    with open_runner(open_artifact(path), RunOptions(threads=1)) as runner:
        y = runner.run({"x": x})["y"]
    assert np.array_equal(y, x.transpose(1, 0, 2) @ np.ones((5, 2)))


@pytest.mark.parametrize("perm", HARMLESS)
def test_other_files_keep_all_fusions(perm: tuple[int, ...], tmp_path: Path) -> None:
    for is_cast in (True, False):
        assert find_crashing_fusions(_write(tmp_path / "a.onnx", perm, is_cast=is_cast)) == []


def test_a_file_in_fp32_keeps_all_fusions(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.onnx", (1, 0, 2), is_cast=True)
    model = onnx.load(path)
    del model.graph.node[0], model.graph.node[1]
    model.graph.node[0].input[0], model.graph.node[1].input[0] = "x", "transposed"
    del model.graph.node[2]
    model.graph.node[1].output[0] = "y"
    onnx.save(model, path)
    assert find_crashing_fusions(path) == []


def test_a_perm_may_be_packed() -> None:
    def field(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2, len(content)]) + content

    perm = field(5, field(1, b"perm") + field(8, bytes([1, 0, 2])))
    transpose = field(1, b"x") + field(2, b"y") + field(4, b"Transpose") + perm
    (node,), _ = read_graph(field(7, field(1, transpose)))
    assert node == WireNode("Transpose", ("x",), ("y",), (1, 0, 2))


@pytest.mark.parametrize("size", [0, 1, 30, 200])
def test_a_damaged_file_has_the_error_of_onnx_runtime(size: int, tmp_path: Path) -> None:
    path = _write(tmp_path / "a.onnx", (1, 0, 2), is_cast=True)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ArtifactError, match=r"a\.onnx"):
        open_runner(open_artifact(path), RunOptions(threads=1))


def test_a_file_damaged_anywhere_is_left_to_onnx_runtime(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.onnx", (1, 0, 2), is_cast=True)
    content = path.read_bytes()
    for position in range(len(content)):
        for value in (0x00, 0x7F, 0xFF):
            path.write_bytes(content[:position] + bytes([value]) + content[position + 1 :])
            assert find_crashing_fusions(path) in ([], [FUSION])
    path.write_bytes(b"\x3a" + b"\xff" * 1_000_000)
    assert find_crashing_fusions(path) == []
