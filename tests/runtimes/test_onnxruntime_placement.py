"""The nodes on the CPU, by the report of a real session whose only device is the CPU."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from posedeploy.errors import DeviceError
from posedeploy.runtimes import onnxruntime as runtime
from posedeploy.runtimes import onnxruntime_placement as placement
from posedeploy.types import Artifact, ModelSpec, RunOptions
from tests.support.tables import skip_without_gpu

pytestmark = pytest.mark.skipif(not placement.can_report(), reason="this ONNX Runtime does not report it")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a graph of shape arithmetic and one determinant, for which ONNX Runtime has no CUDA kernel."""
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"], name="measure"),
        helper.make_node("Concat", ["shape", "one"], ["longer"], name="lengthen", axis=0),
        helper.make_node("Reshape", ["x", "longer"], ["reshaped"], name="reshape"),
        helper.make_node("Squeeze", ["reshaped", "last"], ["squeezed"], name="squeeze"),
        helper.make_node("Det", ["squeezed"], ["y"], name="determinant"),
    ]
    constants = [
        helper.make_tensor("one", TensorProto.INT64, [1], [1]),
        helper.make_tensor("last", TensorProto.INT64, [1], [-1]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        constants,
    )
    file = tmp_path_factory.mktemp("placed") / "det.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), file)
    return file


def test_only_other_operators_than_shape_arithmetic_are_fallbacks(path: Path) -> None:
    settings = onnxruntime.SessionOptions()
    settings.add_session_config_entry(placement.RECORD, "1")
    session = onnxruntime.InferenceSession(path, settings, providers=[placement.CPU])
    assert placement.list_cpu_nodes(session) == ["Det (determinant)"]


@pytest.mark.gpu
def test_a_fallback_is_refused_by_name(path: Path) -> None:
    skip_without_gpu()
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has no CUDA")
    artifact = Artifact(path, "onnx", ModelSpec("unknown", "", (), ()), "unknown")
    with pytest.raises(DeviceError, match=r"has no cuda kernel for Det \(determinant\) of \S+ and would"):
        runtime.OnnxRuntimeRunner(artifact, RunOptions("cuda"))
