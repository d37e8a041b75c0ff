"""INT8 and mixed precision: which layers are quantized, what is recorded, and how close the results are."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import openvino
import pytest
import torch
from openvino import opset13 as ops
from torch import Tensor, nn

from posedeploy import manifest
from posedeploy.api.exporting import export
from posedeploy.convert import float_layers
from posedeploy.convert.export_options import ExportOptions, ExportPrecision
from posedeploy.convert.nncf_quantize import quantize
from posedeploy.errors import ExportError, MissingPackageError
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.synthetic import generate_scene
from posedeploy.types import Artifact, Calibration, CalibrationSet, Model, RunOptions, TensorSpec
from tests.support.networks import outputs_of, tiny_image, tiny_model
from tests.support.openvino_processor import NEEDS_BF16

LAYERS = {"int8": "convolutions: 4 fp32, 2 int8", "mixed": "convolutions: 5 bf16, 1 int8"}
"""Of the tiny network: the four heads are outputs, and the first of six layers is an early one."""


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 32 small images of synthetic people."""
    folder = tmp_path_factory.mktemp("calibration")
    for index in range(32):
        cv2.imwrite(str(folder / f"{index}.png"), generate_scene(5, index, (80, 64)).image)
    return folder


@pytest.fixture(scope="module")
def quantized(tiny: Model, images: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    """The tiny network in each quantized precision."""
    folder = tmp_path_factory.mktemp("quantized")
    precisions: tuple[ExportPrecision, ...] = ("int8", "mixed")
    return {
        precision: export(
            tiny, "openvino", folder, None, ExportOptions(precision=precision, calibration=(str(images),))
        )[0]
        for precision in precisions
    }


@pytest.mark.parametrize("precision", ["int8", pytest.param("mixed", marks=NEEDS_BF16)])
def test_a_quantized_network_is_close_to_pytorch(
    precision: str, quantized: dict[str, Artifact], tiny: Model
) -> None:
    artifact = quantized[precision]
    with open_runner(artifact, RunOptions()) as runner:
        assert runner.runtime_info.details["layers"] == LAYERS[precision]
        assert {spec.dtype for spec in (*runner.inputs, *runner.outputs)} == {"float32"}
        found, wanted = runner.run(tiny_image()), outputs_of(tiny, tiny_image())
    for name, array in wanted.items():
        assert 1e-4 < np.abs(found[name] - array).max() / np.abs(array).max() < 0.1


@pytest.mark.parametrize("precision", ["int8", "mixed"])
def test_the_precision_and_the_calibration_set_are_recorded(
    precision: str, quantized: dict[str, Artifact], images: Path
) -> None:
    written = quantized[precision]
    assert written.path.name == f"sample-{precision}.xml"
    recorded = manifest.read(written.path)
    assert recorded.precision == precision
    assert recorded.calibration is not None and recorded.calibration == written.calibration
    assert (recorded.calibration.source, recorded.calibration.count) == ("images", 32)
    assert recorded.provenance is not None
    assert recorded.provenance.packages["nncf"]
    assert recorded.provenance.options["calibration"] == f"('{images}',)"


def test_the_same_images_give_the_same_weights_and_ranges(
    tiny: Model, images: Path, quantized: dict[str, Artifact], tmp_path: Path
) -> None:
    options = ExportOptions(precision="int8", calibration=(str(images),))
    (again,) = export(tiny, "openvino", tmp_path, None, options)
    assert again.files["sample-int8.bin"] == quantized["int8"].files["sample-int8.bin"]
    assert again.calibration == quantized["int8"].calibration


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_calibration_images_of_another_precision_are_refused(
    precision: ExportPrecision, tiny: Model, tmp_path: Path
) -> None:
    options = ExportOptions(precision=precision, calibration=("photos",))
    with pytest.raises(
        ExportError,
        match=r"^`calibration=photos`: only valid with `precision=int8 or mixed`; pass one of these, or "
        r"leave `calibration` out$",
    ):
        export(tiny, "openvino", tmp_path, None, options)
    assert not list(tmp_path.iterdir())


def test_a_missing_package_is_named_before_anything_is_written(
    tiny: Model, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nncf", None)
    monkeypatch.delitem(sys.modules, "posedeploy.convert.nncf_quantize", raising=False)
    options = ExportOptions(precision="int8", calibration=(str(images),))
    with pytest.raises(
        MissingPackageError,
        match=r"^this needs the package nncf, .*; install it with: pip install 'posedeploy\[quantize\]'$",
    ):
        export(tiny, "openvino", tmp_path, None, options)
    assert not list(tmp_path.iterdir())


def test_a_network_without_a_layer_for_int8_is_refused(tmp_path: Path, images: Path, tiny: Model) -> None:
    class OneLayer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.only = nn.Conv2d(3, 2, 1)

        def forward(self, data: Tensor) -> Tensor:
            return self.only(data)

    spec = replace(tiny.spec, outputs=(TensorSpec("maps", ("batch", 2, "height", "width")),), roles={})
    model = replace(tiny, module=OneLayer().eval(), spec=spec)
    options = ExportOptions(precision="int8", calibration=(str(images),))
    with pytest.raises(ExportError, match=r"^`precision=int8`: no layer of this network is left for INT8: "):
        export(model, "openvino", tmp_path, None, options)
    assert not list(tmp_path.iterdir())


def _graph(*outputs: openvino.Node, inputs: list[openvino.Node]) -> openvino.Model:
    return openvino.Model(list(outputs), inputs)


def _convolution(
    data: openvino.Node, channels: int, inputs: int, name: str, kernel: int = 3
) -> openvino.Node:
    weights = np.ones((channels, inputs, kernel, kernel), np.float32)
    pads = [kernel // 2] * 2
    node = ops.convolution(data, ops.constant(weights), [1, 1], pads, pads, [1, 1])
    node.set_friendly_name(name)
    return node


def test_an_expectation_of_a_softmax_and_its_layer_stay_in_float() -> None:
    data = ops.parameter([1, 3, 8, 8], np.float32)
    first = _convolution(data, 4, 3, "first")
    middle = _convolution(ops.relu(first), 4, 4, "middle")
    volume = _convolution(ops.relu(middle), 2, 4, "volume")
    shares = ops.softmax(ops.reshape(volume, ops.constant([1, 2, 64]), False), -1)
    expectation = ops.matmul(shares, ops.constant(np.ones((64, 2), np.float32)), False, False)
    expectation.set_friendly_name("expectation")
    model = _graph(expectation, inputs=[data])
    sensitive = float_layers.find_sensitive_operators(model)
    assert {"volume", "expectation"} <= sensitive
    assert sensitive.isdisjoint({"first", "middle"})
    assert not float_layers.has_attention(model)


@pytest.mark.parametrize("is_marginal", [False, True])
def test_products_and_sums_of_an_expectation_stay_in_float(is_marginal: bool) -> None:
    data = ops.parameter([1, 4, 8, 8], np.float32)
    volume = _convolution(ops.relu(_convolution(data, 4, 4, "first")), 4, 4, "volume")
    shares = ops.softmax(ops.reshape(volume, ops.constant([1, 4, 64]), False), -1)
    shares = ops.reshape(shares, ops.constant([1, 4, 8, 8]), False)
    if is_marginal:
        shares = ops.reduce_sum(shares, ops.constant([2]), True)
    grid = ops.constant(np.ones((1, 1, 1, 8), np.float32))
    product = ops.multiply(shares, grid)
    again = ops.multiply(product, grid)
    total = ops.reduce_sum(again, ops.constant([2, 3]), False)
    hidden = ops.matmul(total, ops.constant(np.ones((4, 8), np.float32)), False, False)
    last = ops.matmul(ops.relu(hidden), ops.constant(np.ones((8, 2), np.float32)), False, False)
    for name, node in {"product": product, "again": again, "total": total, "hidden": hidden}.items():
        node.set_friendly_name(name)
    model = _graph(last, inputs=[data])
    sensitive = float_layers.find_sensitive_operators(model)
    assert {"product", "again", "total"} <= sensitive
    assert sensitive.isdisjoint({"volume", "hidden"})
    assert not float_layers.has_attention(model)


def test_a_convolution_that_computes_an_expectation_stays_in_float() -> None:
    data = ops.parameter([1, 4, 8, 8], np.float32)
    distances = _convolution(ops.relu(_convolution(data, 4, 4, "first")), 4, 4, "distances")
    expectation = _convolution(ops.softmax(distances, 1), 1, 4, "expectation", 1)
    model = _graph(ops.multiply(expectation, ops.constant(np.float32(8))), inputs=[data])
    layers = float_layers.find_layers(model) & float_layers.find_sensitive_operators(model)
    assert layers == {"distances", "expectation"}


def test_embedded_preprocessing_and_every_output_layer_stay_in_float() -> None:
    data = ops.parameter([1, 3, 8, 8], np.float32)
    scaled = ops.multiply(data, ops.constant(np.float32(0.5)))
    scaled.set_friendly_name("scale")
    body = _convolution(scaled, 4, 3, "body")
    early = _convolution(ops.relu(body), 2, 4, "early", 1)
    late = _convolution(ops.concat([body, early], 1), 2, 6, "late", 1)
    model = _graph(early, ops.add(late, ops.constant(np.float32(1))), inputs=[data])
    assert float_layers.find_layers(model) & float_layers.find_sensitive_operators(model) == {"early", "late"}
    assert "scale" in float_layers.find_sensitive_operators(model)


def test_attention_is_recognized() -> None:
    data = ops.parameter([1, 5, 8], np.float32)
    shares = ops.softmax(ops.matmul(data, data, False, True), -1)
    values = ops.matmul(shares, data, False, False)
    out = ops.matmul(values, ops.constant(np.ones((8, 2), np.float32)), False, False)
    assert float_layers.has_attention(_graph(out, inputs=[data]))


def test_early_and_depthwise_layers_stay_in_float_in_mixed_precision() -> None:
    data = ops.parameter([1, 3, 8, 8], np.float32)
    node = _convolution(data, 4, 3, "0")
    for number in range(1, 7):
        node = _convolution(ops.relu(node), 4, 4, str(number))
    depthwise = ops.group_convolution(
        node, ops.constant(np.ones((4, 1, 1, 3, 3), np.float32)), [1, 1], [1, 1], [1, 1], [1, 1]
    )
    depthwise.set_friendly_name("depthwise")
    model = _graph(_convolution(depthwise, 2, 4, "last"), inputs=[data])
    assert float_layers.find_early_and_depthwise_layers(model) == {"0", "1", "depthwise"}


class Hidden(nn.Module):
    """A layer whose results overflow, before an operator that makes them finite."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.middle, self.last = (nn.Conv2d(inputs, 3, 1) for inputs in (3, 3, 3))
        with torch.no_grad():
            self.first.weight.fill_(1e30)
            self.middle.weight.fill_(1e30)

    def forward(self, data: Tensor) -> Tensor:
        result: Tensor = self.last(self.middle(self.first(data)).sigmoid())
        return result


@pytest.mark.parametrize("is_hidden", [False, True])
def test_a_network_with_infinite_values_is_refused(is_hidden: bool, tmp_path: Path, tiny: Model) -> None:
    model = tiny_model()
    if is_hidden:
        spec = replace(tiny.spec, outputs=(TensorSpec("maps", ("batch", 3, "height", "width")),), roles={})
        model = replace(tiny, module=Hidden().eval(), spec=spec)
    else:
        with torch.no_grad():
            for parameter in model.module.parameters():
                parameter.mul_(1e25)
    options = ExportOptions(precision="int8", calibration_images=4)
    message = (
        r"^`precision=int8`: values of the tensor [\w/]+ are NaN or infinite on the calibration inputs; "
    )
    with pytest.raises(ExportError, match=message):
        export(model, "openvino", tmp_path, None, options)
    assert not list(tmp_path.iterdir())


def test_a_graph_that_openvino_cannot_run_on_a_calibration_input_is_refused() -> None:
    data = ops.parameter(openvino.PartialShape([1, 3, -1, -1]), np.float32, "data")
    halved, third = (
        ops.avg_pool(data, [factor] * 2, [0, 0], [0, 0], [factor] * 2, exclude_pad=True) for factor in (2, 3)
    )
    model = _graph(ops.concat([halved, third], 1), inputs=[data])
    model.inputs[0].get_tensor().set_names({"data"})
    calibration = CalibrationSet(
        [{"data": np.ones((1, 3, 32, 40), np.float32)}], Calibration(source="images", sha256="", count=1)
    )
    message = (
        r"^the network cannot be quantized: OpenVINO cannot run it on the calibration input data 1x3x32x40 "
        r"\(.*[Ss]hapes.*[^.]\); if the sides of an image must be multiples of a larger number, write this "
        r"number as multiple in the contract, or leave `dynamic` out; otherwise, use `precision=fp32`$"
    )
    with pytest.raises(ExportError, match=message):
        quantize(model, calibration, "int8")


def test_a_last_layer_without_bias_is_an_output(tmp_path: Path, tiny: Model) -> None:
    layers = [nn.Conv2d(3, 3, 1, bias=bias) for bias in (True, True, False)]
    spec = replace(tiny.spec, outputs=(TensorSpec("maps", ("batch", 3, "height", "width")),), roles={})
    model = replace(tiny, module=nn.Sequential(layers[0], nn.ReLU(), *layers[1:]).eval(), spec=spec)
    options = ExportOptions(precision="int8", calibration_images=4)
    (artifact,) = export(model, "openvino", tmp_path, None, options)
    assert artifact.precision == "int8"
