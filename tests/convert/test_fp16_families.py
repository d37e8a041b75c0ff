"""Small networks of every family, and the sample, in FP16 on ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from posedeploy.api.exporting import export
from posedeploy.api.load_checkpoint import load_checkpoint
from posedeploy.benchmarks.inputs import build_noise_input
from posedeploy.convert.export_options import ExportOptions
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.runtimes.pytorch import PyTorchRunner
from posedeploy.types import RunOptions
from tests.convert.test_quantized_families import NETWORKS, SAMPLE_SIZE, model_of
from tests.support.lifting import small_pose2mesh, write


@pytest.mark.slow
@pytest.mark.usefixtures("three_branches")
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_in_fp16_runs_on_a_cpu(name: str, tmp_path: Path) -> None:
    model = model_of(name, tmp_path)
    options = ExportOptions(SAMPLE_SIZE if name == "sample" else None, precision="fp16")
    (artifact,) = export(model, "onnx", tmp_path, "half", options)
    tensors = build_noise_input(artifact.spec).tensors
    with (
        PyTorchRunner(model, RunOptions()) as reference,
        open_runner(artifact, RunOptions(precision="fp16", threads=1)) as runner,
    ):
        outputs = runner.run(tensors)
        for output, expected in reference.run(tensors).items():
            assert np.abs(outputs[output] - expected).max() <= 0.05 * np.abs(expected).max()


def test_vertices_are_selected_without_transpositions(tmp_path: Path) -> None:
    model = load_checkpoint(write(small_pose2mesh(), tmp_path / "a.pth"), mesh=tmp_path / "faces.npy")
    (artifact,) = export(model, "onnx", tmp_path, "mesh")
    operators = {node.op_type for node in onnx.load(artifact.path).graph.node}
    assert "Gather" in operators
    assert operators.isdisjoint({"Transpose", "GatherND"})
