"""Small networks of every family, and the sample, as TFLite files in reduced precisions."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from posedeploy.api.exporting import export
from posedeploy.calibration.collect import collect
from posedeploy.convert.export_options import Activations, ExportOptions, ExportPrecision, TfliteOptions
from posedeploy.errors import ExportError
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.types import Model, RunOptions, Tensors
from tests.convert.test_quantized_families import IMAGES, NETWORKS, model_of

pytestmark = pytest.mark.slow
VARIANTS: list[tuple[ExportPrecision, Activations, str]] = [
    ("fp16", "int8", "fp32"),
    ("int8", "int8", "int8"),
    ("mixed", "int8", "int8"),
    ("int8", "int16", "int8 (16-bit activations)"),
    ("int8", "dynamic", "int8 (dynamic)"),
]
"""The options of each variant, and the precision of some of its layers."""


class Network(NamedTuple):
    """A network with an input and its outputs in FP32."""

    model: Model
    tensors: Tensors
    outputs: Tensors


@pytest.fixture(scope="module", params=NETWORKS)
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Network:
    """A network of each family, with an input and the outputs of its TFLite file in FP32."""
    folder = tmp_path_factory.mktemp(request.param)
    model = model_of(request.param, folder)
    (whole,) = export(model, "tflite", folder, "whole")
    tensors = collect(whole.spec, (), IMAGES).inputs[0]
    with open_runner(whole, RunOptions()) as runner:
        return Network(model, tensors, runner.run(tensors))


@pytest.mark.parametrize(("precision", "activations", "expected"), VARIANTS)
def test_a_reduced_tflite_network_runs_as_recorded(
    precision: ExportPrecision, activations: Activations, expected: str, network: Network, tmp_path: Path
) -> None:
    tflite = TfliteOptions(activations=activations)
    options = ExportOptions(precision=precision, calibration_images=IMAGES, tflite=tflite)
    if network.model.spec.family == "pose2mesh" and expected == "int8":
        with pytest.raises(
            ExportError, match=r"differs from PyTorch in cam_mesh by 4.% of its largest value"
        ):
            export(network.model, "tflite", tmp_path, "reduced", options)
        assert not list(tmp_path.glob("reduced*"))
        return
    (artifact,) = export(network.model, "tflite", tmp_path, "reduced", options)
    with open_runner(artifact, RunOptions()) as runner:
        outputs, layers = runner.run(network.tensors), runner.runtime_info.details["layers"]
    assert f" {expected}" in layers
    for output, array in network.outputs.items():
        error = np.sqrt(np.mean((outputs[output] - array) ** 2)) / np.abs(array).max()
        assert error < 0.05, (output, layers)
