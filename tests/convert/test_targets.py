"""Every target with every option: the file has the tensors of its spec and the outputs of PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
import onnx
import openvino
import pytest
import torch
from torch import nn

from posedeploy import manifest
from posedeploy.checkpoints.loading import open_checkpoint
from posedeploy.convert.export import export
from posedeploy.convert.export_options import ExportOptions
from posedeploy.convert.onnx import OPSET
from posedeploy.errors import ExportError
from posedeploy.flatten import flat
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.types import Array, Artifact, InputContract, Model, ModelSpec, RunOptions, Tensors, TensorSpec
from tests.support.networks import two_input_model
from tests.support.reference_cases import BUNDLED, Case
from tests.support.tables import COMPILING_IS_SLOW, ON_CPU

TOLERANCE = 1e-5
OPTIONS = {
    "as published": ExportOptions(),
    "another size": ExportOptions(input_size=(24, 16)),
    "batch of 2": ExportOptions(batch=2),
    "dynamic": ExportOptions(dynamic=True),
    "embedded": ExportOptions(embed_preprocessing=True),
    "last outputs": ExportOptions(outputs="last"),
    "all at once": ExportOptions((24, 16), dynamic=True, embed_preprocessing=True, outputs="last"),
}


COMPILED = ("aoti",)
"""The targets whose export calls a C++ compiler."""
NOT_COMPILED = ("another size", "batch of 2", "dynamic", "embedded", "last outputs")
"""Options that "all at once" has too, or that change the network before it is converted."""


CASES = [
    (name, target)
    for name in OPTIONS
    for target in ON_CPU
    if target not in COMPILED or name not in NOT_COMPILED
]
ExportTiny: TypeAlias = Callable[[str, str], Artifact]


@pytest.fixture(scope="module")
def export_tiny(
    tiny: Model, exported: dict[str, Artifact], tmp_path_factory: pytest.TempPathFactory
) -> ExportTiny:
    """Return a function that exports the tiny network with a set of options to a target, once."""

    @cache
    def export_once(name: str, targets: tuple[str, ...]) -> dict[str, Artifact]:
        folder = tmp_path_factory.mktemp("exported")
        return {each.target: each for each in export(tiny, targets, folder, "tiny", OPTIONS[name])}

    def export_to(name: str, target: str) -> Artifact:
        if name == "as published":
            return exported[target]
        others = tuple(each for each in ON_CPU if each not in COMPILED)
        return export_once(name, COMPILED if target in COMPILED else others)[target]

    return export_to


def _image(batch: int, height: int, width: int) -> Array:
    """Return a raw uint8 image (N, H, W, 3) with three different channels."""
    return np.random.RandomState(height).randint(0, 256, (batch, height, width, 3)).astype(np.uint8)


def _normalized(image: Array, contract: InputContract) -> Array:
    """Return the network's input for a BGR image, computed with NumPy."""
    ordered = image[..., ::-1] if contract.color_order == "RGB" else image
    values = (ordered.astype(np.float64) - contract.mean) / contract.std
    return np.ascontiguousarray(values.astype(np.float32).transpose(0, 3, 1, 2))


def _expected(model: Model, normalized: Array) -> Tensors:
    with torch.inference_mode():
        outputs = flat(model.module(torch.from_numpy(normalized)))
    return {spec.name: out.numpy() for spec, out in zip(model.spec.outputs, outputs, strict=True)}


def _check(found: Tensors, wanted: Tensors) -> None:
    for name, array in found.items():
        assert array.shape == wanted[name].shape
        assert np.abs(array - wanted[name]).max() < TOLERANCE * np.abs(wanted[name]).max(), name


@pytest.mark.parametrize(("name", "target"), CASES)
def test_the_artifact_equals_pytorch(tiny: Model, export_tiny: ExportTiny, name: str, target: str) -> None:
    options, artifact = OPTIONS[name], export_tiny(name, target)
    contract = tiny.spec.contract
    assert contract is not None
    size = options.input_size or (contract.height, contract.width)
    shapes = [(options.batch, *size)] + ([(1, 40, 56), (3, 32, 40)] if options.dynamic else [])
    with open_runner(artifact, RunOptions()) as runner:
        for shape in shapes:
            image = _image(*shape)
            normalized = _normalized(image, contract)
            found = runner.run({"data": image if options.embed_preprocessing else normalized})
            assert list(found) == [output.name for output in artifact.spec.outputs]
            _check(found, _expected(tiny, normalized))


@pytest.mark.parametrize(("name", "target"), CASES)
def test_the_manifest_records_the_options(export_tiny: ExportTiny, name: str, target: str) -> None:
    options, written = OPTIONS[name], export_tiny(name, target)
    artifact = manifest.read(written.path)
    assert artifact == written
    (image,), outputs = artifact.spec.inputs, artifact.spec.outputs
    assert (image.dtype, image.layout) == (
        ("uint8", "NHWC") if options.embed_preprocessing else ("float32", "NCHW")
    )
    assert image.is_dynamic == outputs[0].is_dynamic == options.dynamic
    assert [o.name for o in outputs][-2:] == ["heatmaps", "pafs"]
    assert len(outputs) == (2 if options.outputs == "last" else 4)
    assert artifact.spec.contract is not None
    embedded = ("color", "normalization") if options.embed_preprocessing else ()
    assert artifact.spec.contract.embedded == embedded
    assert artifact.precision == "fp32"
    exported = artifact.provenance
    assert exported is not None
    assert exported.options["dynamic"] == str(options.dynamic)
    assert {"posedeploy", "torch"} <= exported.packages.keys()


@pytest.mark.parametrize("name", OPTIONS)
def test_onnx_has_the_names_shapes_axes_and_types_of_the_spec(export_tiny: ExportTiny, name: str) -> None:
    artifact = export_tiny(name, "onnx")
    model = onnx.load(artifact.path)
    onnx.checker.check_model(model, full_check=True)
    assert model.opset_import[0].version >= OPSET >= 18
    for values, specs in (
        (model.graph.input, artifact.spec.inputs),
        (model.graph.output, artifact.spec.outputs),
    ):
        assert [value.name for value in values] == [spec.name for spec in specs]
        for value, spec in zip(values, specs, strict=True):
            tensor = value.type.tensor_type
            assert tuple(axis.dim_param or axis.dim_value for axis in tensor.shape.dim) == spec.shape
            assert onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type) == spec.dtype


@pytest.mark.parametrize("name", OPTIONS)
def test_openvino_ir_has_the_names_and_shapes_of_the_spec(export_tiny: ExportTiny, name: str) -> None:
    artifact = export_tiny(name, "openvino")
    model = openvino.Core().read_model(artifact.path)
    for ports, specs in ((model.inputs, artifact.spec.inputs), (model.outputs, artifact.spec.outputs)):
        assert [port.names for port in ports] == [{spec.name} for spec in specs]
        for port, spec in zip(ports, specs, strict=True):
            lengths = tuple(axis.get_length() if axis.is_static else None for axis in port.partial_shape)
            assert lengths == tuple(axis if isinstance(axis, int) else None for axis in spec.shape)
    assert model.get_friendly_name() == "tiny"


def test_onnx_is_simplified_to_the_layers_that_compute(exported: dict[str, Artifact]) -> None:
    operators = [node.op_type for node in onnx.load(exported["onnx"].path).graph.node]
    assert sorted(operators) == ["Conv"] * 6 + ["Elu", "Relu", "Tanh"]


def test_openvino_weights_stay_fp32(exported: dict[str, Artifact], tiny: Model) -> None:
    convolutions = sum(
        t.numel() for name, t in tiny.module.state_dict().items() if not name.startswith("stem.1.")
    )
    size = exported["openvino"].path.with_suffix(".bin").stat().st_size
    assert 4 * convolutions <= size < 6 * convolutions


def test_a_color_order_of_bgr_is_not_flipped(tiny: Model, tmp_path: Path) -> None:
    assert tiny.spec.contract is not None
    contract = replace(tiny.spec.contract, color_order="BGR")
    model = replace(tiny, spec=replace(tiny.spec, contract=contract))
    (artifact,) = export(model, ["torchscript"], tmp_path, "bgr", ExportOptions(embed_preprocessing=True))
    image = _image(1, 32, 40)
    with open_runner(artifact, RunOptions()) as runner:
        _check(runner.run({"data": image}), _expected(model, _normalized(image, contract)))


def test_preprocessing_in_the_network_is_not_embedded_twice(tiny: Model, tmp_path: Path) -> None:
    assert tiny.spec.contract is not None
    contract = replace(tiny.spec.contract, embedded=("normalization",))
    model = replace(tiny, spec=replace(tiny.spec, contract=contract))
    (artifact,) = export(model, ["torchscript"], tmp_path, "once", ExportOptions(embed_preprocessing=True))
    image = _image(1, 32, 40)
    flipped = np.ascontiguousarray(image[..., ::-1].transpose(0, 3, 1, 2).astype(np.float32))
    with open_runner(artifact, RunOptions()) as runner:
        _check(runner.run({"data": image}), _expected(model, flipped))


@pytest.mark.parametrize("target", COMPILING_IS_SLOW)
def test_a_network_of_several_inputs_without_images_exports_to_every_target(
    tmp_path: Path, target: str
) -> None:
    model = two_input_model()
    (artifact,) = export(model, [target], tmp_path, "lifter")
    joints = np.random.RandomState(0).rand(1, 5, 2).astype(np.float32)
    scale = np.array([3.0], np.float32)
    with torch.inference_mode():
        mesh, again = model.module(torch.from_numpy(joints), torch.from_numpy(scale))
    with open_runner(artifact, RunOptions()) as runner:
        found = runner.run({"scale": scale, "joints": joints})
    _check(found, {"mesh": mesh.numpy(), "joints_again": again.numpy()})


@pytest.mark.parametrize("target", ON_CPU)
def test_a_size_at_which_the_network_does_not_run_is_an_error(tmp_path: Path, target: str) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 40, 4)).eval()
    contract = InputContract(32, 40, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    spec = ModelSpec(
        "unknown", "", (TensorSpec("data", (1, 3, "height", "width")),), (TensorSpec("x", (1, 4)),), contract
    )
    model = Model(network, spec, None, "")
    with pytest.raises(
        ExportError,
        match=r"(cannot (convert|trace|compile) this network: |the network does not run on ).*7680",
    ):
        export(model, [target], tmp_path, "x", ExportOptions(input_size=(64, 40)))
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_published_network_exports_to_every_target_unchanged(tmp_path: Path) -> None:
    published = Case(BUNDLED / "lightweight-openpose-2d")
    run = published.description["runs"][0]
    model = open_checkpoint(published.write(tmp_path / "a.pth"))
    options = ExportOptions(input_size=tuple(run["shape"][2:]))
    for artifact in export(model, ON_CPU, tmp_path, "a", options):
        assert [output.name for output in artifact.spec.outputs] == list(run["outputs"])
        with open_runner(artifact, RunOptions()) as runner:
            for output, array in runner.run({"data": published.input(run)}).items():
                assert published.distance(run, output, array) < TOLERANCE, (artifact.target, output)
