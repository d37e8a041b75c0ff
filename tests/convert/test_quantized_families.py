"""Small networks of every family, and the sample, in INT8 and mixed precision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from posedeploy.api.exporting import export_again
from posedeploy.api.load_checkpoint import load_checkpoint, load_sample
from posedeploy.calibration.collect import collect
from posedeploy.convert.export_options import ExportOptions, ExportPrecision, ignore_progress
from posedeploy.convert.prepare import Graphs
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.runtimes.pytorch import PyTorchRunner
from posedeploy.types import Model, Precision, RunOptions
from tests.support.lifting import small_gtrs, small_pose2mesh, write
from tests.support.networks import CROPS, write_crop_network
from tests.support.openvino_processor import NEEDS_BF16, saturates_int8

pytestmark = pytest.mark.slow
IMAGES = 16
SAMPLE_SIZE = 96, 160


def model_of(name: str, folder: Path) -> Model:
    if name == "sample":
        return load_sample()
    if name in CROPS:
        return load_checkpoint(write_crop_network(name, folder / f"{name}.pth"))
    if name == "gtrs":
        return load_checkpoint(write(small_gtrs(), folder / "gtrs.pth"))
    return load_checkpoint(write(small_pose2mesh(), folder / "a.pth"), mesh=folder / "faces.npy")


@pytest.fixture(scope="module")
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Graphs]:
    """A network, and its ONNX graph after the first export."""
    return model_of(request.param, tmp_path_factory.mktemp("network")), {}


THREADS = 2
"""With one thread, OpenVINO 2026.4 crashes when it compiles a small Pose2Mesh network."""
NETWORKS = ["sample", *CROPS, "gtrs", "pose2mesh"]


@pytest.mark.parametrize(
    ("target", "precision", "other"),
    [
        ("openvino", "int8", "fp32"),
        pytest.param("openvino", "mixed", "bf16", marks=NEEDS_BF16),
        ("onnx", "int8", "fp32"),
        ("onnx", "mixed", "fp32"),
    ],
)
@pytest.mark.parametrize("network", NETWORKS, indirect=True)
def test_a_quantized_network_runs_as_recorded(
    network: tuple[Model, Graphs], target: str, precision: ExportPrecision, other: Precision, tmp_path: Path
) -> None:
    model, graphs = network
    if (model.spec.family, target) == ("pose2mesh", "openvino") and saturates_int8():
        pytest.skip("without VNNI, sums of OpenVINO's INT8 matrix products saturate")
    size = SAMPLE_SIZE if model.source is None else None
    options = ExportOptions(size, precision=precision, calibration_images=IMAGES)
    (artifact,) = export_again(model, target, tmp_path, None, options, ignore_progress, graphs)
    tensors = collect(artifact.spec, (), IMAGES).inputs[0]
    with (
        PyTorchRunner(model, RunOptions()) as reference,
        open_runner(artifact, RunOptions(precision=other, threads=THREADS)) as runner,
    ):
        wanted, found = reference.run(tensors), runner.run(tensors)
        layers = runner.runtime_info.layers
    assert "int8" in layers and other in layers
    for output, array in wanted.items():
        error = np.sqrt(np.mean((found[output] - array) ** 2)) / np.abs(array).max()
        assert error < 0.05, (output, layers)
