"""Small networks of every family, and the sample, as TFLite files in reduced precisions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from posedeploy.api.exporting import export
from posedeploy.calibration.collect import collect
from posedeploy.convert.export_options import Activations, ExportOptions, ExportPrecision, TfliteOptions
from posedeploy.convert.prepare import Prepared, prepare
from posedeploy.convert.tflite import litert_torch
from posedeploy.convert.tflite.signature import Signature
from posedeploy.errors import ExportError
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.runtimes.pytorch import PyTorchRunner
from posedeploy.types import Model, RunOptions, Tensors
from tests.convert.test_quantized_families import IMAGES, NETWORKS, SAMPLE_SIZE, model_of

pytestmark = pytest.mark.slow
VARIANTS: list[tuple[ExportPrecision, Activations, str]] = [
    ("fp16", "int8", "fp32"),
    ("int8", "int8", "int8"),
    ("mixed", "int8", "int8"),
    ("int8", "int16", "int8 (16-bit activations)"),
    ("int8", "dynamic", "int8 (dynamic)"),
]
"""The options of each variant, and the precision of some of its layers."""
IN_ALL_VARIANTS = ("sample", "hg")
"""The networks that are exported in all of them; the others are in the first two."""


class Network(NamedTuple):
    """A network with an input and the outputs of PyTorch."""

    model: Model
    size: tuple[int, int] | None
    tensors: Tensors
    outputs: Tensors


@pytest.fixture(scope="module")
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A network of a family, with an input and the outputs of PyTorch. It is converted to TFLite in FP32
    once: all precisions are made of that file."""
    convert = litert_torch.convert
    converted: dict[object, tuple[bytes, Signature]] = {}

    def convert_once(prepared: Prepared, path: Path) -> Signature:
        key = prepared.spec.inputs, prepared.spec.outputs, prepared.options.tflite.layout
        if key not in converted:
            signature = convert(prepared, path)
            converted[key] = path.read_bytes(), signature
        content, signature = converted[key]
        path.write_bytes(content)
        return signature

    model = model_of(request.param, tmp_path_factory.mktemp(request.param))
    size = SAMPLE_SIZE if request.param == "sample" else None
    tensors = collect(prepare(model, ExportOptions(size)).spec, (), IMAGES).inputs[0]
    with PyTorchRunner(model, RunOptions()) as runner:
        outputs = runner.run(tensors)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(litert_torch, "convert", convert_once)
        yield Network(model, size, tensors, outputs)


@pytest.mark.parametrize(
    ("network", "precision", "activations", "expected"),
    [
        (name, *variant)
        for name in NETWORKS
        for variant in (VARIANTS if name in IN_ALL_VARIANTS else VARIANTS[:2])
    ],
    indirect=["network"],
)
def test_a_reduced_tflite_network_runs_as_recorded(
    precision: ExportPrecision, activations: Activations, expected: str, network: Network, tmp_path: Path
) -> None:
    tflite = TfliteOptions(activations=activations)
    options = ExportOptions(network.size, precision=precision, calibration_images=IMAGES, tflite=tflite)
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
