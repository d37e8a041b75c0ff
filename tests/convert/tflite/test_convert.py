"""What is TFLite's own: layouts, names, metadata, and what is refused with the place that it comes from."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from torch import Tensor, nn

from posedeploy import embedded_manifest, manifest
from posedeploy.checkpoints.loading import open_checkpoint
from posedeploy.convert.agreement import find_mismatch
from posedeploy.convert.export import export
from posedeploy.convert.export_options import ExportOptions, TfliteOptions
from posedeploy.convert.prepare import prepare
from posedeploy.convert.tflite.check import refuse_custom_operators
from posedeploy.convert.tflite.metadata import ALIGNMENT, METADATA
from posedeploy.errors import ExportError
from posedeploy.flatten import flat
from posedeploy.runtimes.load_runner import open_artifact, open_runner
from posedeploy.types import Artifact, Model, ModelSpec, RunOptions, TensorSpec
from tests.support.lifting import small_gtrs, small_pose2mesh, write
from tests.support.networks import CROPS, two_input_model, write_crop_network
from tests.support.reference_cases import BUNDLED, PUBLISHED, TRAVELLING, Case

LAST = TfliteOptions(layout="nhwc")


@pytest.fixture(scope="module")
def last(tiny: Model, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """The tiny network with its channels last and every axis free."""
    folder = tmp_path_factory.mktemp("last")
    (artifact,) = export(tiny, ["tflite"], folder, "last", ExportOptions(dynamic=True, tflite=LAST))
    return artifact


def _signature(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    runner = Interpreter(model_path=str(path)).get_signature_runner()
    return runner.get_input_details(), runner.get_output_details()


def _read(path: Path) -> Any:
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))


def test_a_file_has_its_channels_where_they_were_asked_for(
    last: Artifact, exported: dict[str, Artifact]
) -> None:
    inputs, outputs = _signature(last.path)
    assert list(inputs["data"]["shape_signature"]) == [-1, -1, -1, 3]
    assert {name: details["shape"][3] for name, details in outputs.items()} == {
        "early_heatmaps": 2, "early_pafs": 4, "heatmaps": 2, "pafs": 4,
    }  # fmt: skip
    inputs, outputs = _signature(exported["tflite"].path)
    assert list(inputs["data"]["shape"]) == [1, 3, 32, 40]
    assert list(outputs["pafs"]["shape"]) == [1, 4, 4, 5]


def test_the_manifest_says_how_the_file_lies_and_the_spec_stays(
    last: Artifact, exported: dict[str, Artifact]
) -> None:
    assert last.details == {
        "converter": "litert-torch",
        "layout": "nhwc",
        "channels_last": ["data", "early_heatmaps", "early_pafs", "heatmaps", "pafs"],
    }
    assert exported["tflite"].details["channels_last"] == []
    assert last.spec.inputs == (TensorSpec("data", ("batch", 3, "height", "width"), layout="NCHW"),)


def test_a_runner_takes_and_gives_channels_first_at_any_size(last: Artifact, tiny: Model) -> None:
    with open_runner(last, RunOptions(threads=1)) as runner:
        for shape in ((1, 3, 32, 40), (2, 3, 16, 24), (2, 3, 16, 24), (1, 3, 32, 40)):
            data = np.random.RandomState(1).standard_normal(shape).astype(np.float32)
            found = runner.run({"data": data})
            with torch.inference_mode():
                wanted = tiny.module(torch.from_numpy(data))["late"]
            for name, right in zip(("heatmaps", "pafs"), wanted, strict=True):
                assert found[name].shape == tuple(right.shape)
                assert np.abs(found[name] - right.numpy()).max() < 1e-6
                assert found[name].flags.owndata


def test_channels_last_without_any_channels_first_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ExportError, match=r"`layout=nhwc`: this network has no channels-first tensor \(joints "
    ):
        export(two_input_model(), ["tflite"], tmp_path, "a", ExportOptions(tflite=LAST))
    assert not list(tmp_path.iterdir())


def test_the_file_alone_opens_with_the_manifest_inside(last: Artifact, tiny: Model, tmp_path: Path) -> None:
    alone = tmp_path / "phone.tflite"
    alone.write_bytes(last.path.read_bytes())
    artifact = open_artifact(alone)
    assert (artifact.spec, artifact.details) == (last.spec, last.details)
    with open_runner(artifact, RunOptions(threads=1)) as runner:
        assert list(runner.run({"data": np.zeros((1, 3, 32, 40), np.float32)})) == [
            output.name for output in tiny.spec.outputs
        ]


def test_the_manifests_inside_and_beside_differ_in_the_hash_alone(last: Artifact) -> None:
    with zipfile.ZipFile(last.path) as archive:
        inside = json.loads(archive.read(embedded_manifest.NAME))
    beside = json.loads(manifest.path_of(last.path).read_text())
    assert inside.pop("files") != beside.pop("files")
    assert inside.pop("manifest_sha256") != beside.pop("manifest_sha256")
    assert inside == beside


def test_the_metadata_names_the_tensors_and_the_manifest(last: Artifact) -> None:
    model = _read(last.path)
    (entry,) = [entry for entry in model.metadata if entry.name.decode() == METADATA]
    content = bytes(model.buffers[entry.buffer].data)
    assert flatbuffers.util.BufferHasIdentifier(content, 0, b"M001")
    for text in (b"last", b"tiny, for tests", b"data", b"early_pafs", b"posedeploy.json", b"1.0.0", b"NHWC"):
        assert text in content
    root = flatbuffers.table.Table(content, flatbuffers.encode.Get(flatbuffers.packer.uoffset, content, 0))
    assert root.String(root.Pos + root.Offset(4)) == b"last"
    files = root.Vector(root.Offset(4 + 2 * 6))
    manifest_file = flatbuffers.table.Table(content, root.Indirect(files))
    assert manifest_file.String(manifest_file.Pos + manifest_file.Offset(4)) == b"posedeploy.json"


def test_weights_stay_aligned_and_the_same(exported: dict[str, Artifact], tiny: Model) -> None:
    content = exported["tflite"].path.read_bytes()
    model = schema.Model.GetRootAs(content, 0)
    kernel = tiny.module.get_submodule("heatmaps").weight.numpy().astype(np.float32).tobytes()
    found = False
    for index in range(model.BuffersLength()):
        data = model.Buffers(index).DataAsNumpy()
        if isinstance(data, np.ndarray):
            assert (data.ctypes.data - np.frombuffer(content, np.uint8).ctypes.data) % ALIGNMENT == 0
            found = found or data.tobytes() == kernel
    assert found


def test_names_that_no_python_name_could_be_are_kept(tmp_path: Path) -> None:
    spec = ModelSpec("x", "", (TensorSpec("in.put:0", (1, 3)),), (TensorSpec("out/1", (1, 4)),))
    model = Model(nn.Linear(3, 4).eval().requires_grad_(False), spec, None, "")
    (artifact,) = export(model, ["tflite"], tmp_path, "a")
    with open_runner(artifact, RunOptions(threads=1)) as runner:
        (output,) = runner.run({"in.put:0": np.ones((1, 3), np.float32)}).items()
    assert output[0] == "out/1"
    assert [set(side) for side in _signature(artifact.path)] == [{"in.put:0"}, {"out/1"}]


class Svd(nn.Module):
    """Needs an operator that litert-torch has nothing for."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.svd(x)[1]


class Identity(nn.Module):
    """Becomes a counter that is in the format and not in the interpreter."""

    def forward(self, x: Tensor) -> Tensor:
        return x @ torch.eye(4)


class Counted(nn.Module):
    """A loop whose length is in the data."""

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(int(x.sum().item())):
            x = x + 1
        return x


class Nested(nn.Module):
    """Another module, two modules deep."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.before = nn.Linear(4, 4)
        self.body = nn.ModuleDict({"odd_one": inner})

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.body["odd_one"](self.before(x))
        return result


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        (
            Svd(),
            r"^litert-torch cannot .* at the operator aten\._linalg_svd\.default in body\.odd_one ",
        ),
        (
            Identity(),
            r"^LiteRT cannot run the converted .*: STABLEHLO_IOTA in .*Identity_odd_one; rewrite that",
        ),
        (
            Counted(),
            r"^litert-torch cannot convert this network: in body\.odd_one: Could not .* data-dependent expr",
        ),
    ],
    ids=["operator", "builtin", "loop"],
)
def test_what_the_target_lacks_is_named_with_its_place_in_the_network(
    tmp_path: Path, inner: nn.Module, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    spec = ModelSpec("x", "", (TensorSpec("data", (4, 4)),), (TensorSpec("out", (4, 4)),))
    model = Model(Nested(inner).eval().requires_grad_(False), spec, None, "")
    with pytest.raises(ExportError, match=message) as refusal:
        export(model, ["tflite"], tmp_path, "a")
    assert "\n" not in str(refusal.value)
    assert not list(tmp_path.iterdir())
    assert "def forward" not in capfd.readouterr().err, "torch prints the graph that it has so far"


def test_a_network_that_gives_no_numbers_is_not_blamed_on_the_converter() -> None:
    class Endless(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x / 0

    spec = ModelSpec("x", "", (TensorSpec("data", (4, 4)),), (TensorSpec("out", (4, 4)),))
    prepared = prepare(Model(Endless(), spec, None, ""), ExportOptions())
    data = np.ones((4, 4), np.float32)
    assert not find_mismatch([np.full((4, 4), np.inf, np.float32)], prepared, [data])
    with pytest.raises(ExportError, match="PyTorch computes NaN or infinity for out on random inputs, and"):
        find_mismatch([data], prepared, [data])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ["FlexErf", "FlexSvd"],
            r"TensorFlow operators \(Flex\), which LiteRT does not have: FlexErf in ",
        ),
        (["MyOp"], r"custom operators, which LiteRT does not have: MyOp in Net_network/Mine_layer; rewrite"),
    ],
)
def test_operators_of_tensorflow_and_of_others_are_refused(names: list[str], message: str) -> None:
    codes = [
        schema.OperatorCodeT(builtinCode=schema.BuiltinOperator.CUSTOM, customCode=name.encode())
        for name in names
    ]
    tensors = [schema.TensorT(name=b"a.Net_network/b.Mine_layer;")]
    nodes = [schema.OperatorT(opcodeIndex=index, outputs=[0]) for index in range(len(names))]
    model = schema.ModelT(operatorCodes=codes, subgraphs=[schema.SubGraphT(tensors=tensors, operators=nodes)])
    with pytest.raises(ExportError, match=message):
        refuse_custom_operators(model)


class Baked(nn.Module):
    """Takes any length and computes for that of the example alone."""

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.arange(x.shape[-1], dtype=torch.float32).sum() * float(x.shape[0])


class Rigid(nn.Module):
    """Takes one length only."""

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(-1, 3, 1280)


@pytest.mark.parametrize("network", [Baked(), Rigid()], ids=["baked", "rigid"])
def test_an_axis_that_would_not_be_free_is_refused(tiny: Model, tmp_path: Path, network: nn.Module) -> None:
    shape = ("batch", 3, "height", "width")
    spec = replace(
        tiny.spec, inputs=(TensorSpec("data", shape),), outputs=(TensorSpec("out", shape),), roles={}
    )
    with pytest.raises(ExportError) as refusal:
        export(Model(network.eval(), spec, None, ""), ["tflite"], tmp_path, "a", ExportOptions(dynamic=True))
    assert "leave `dynamic` out, or choose another target" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("name", CROPS)
def test_networks_of_one_person_are_the_same_on_litert(tmp_path: Path, name: str) -> None:
    _is_the_same(open_checkpoint(write_crop_network(name, tmp_path / "a.pth")), tmp_path)


@pytest.mark.usefixtures("small")
@pytest.mark.slow
@pytest.mark.parametrize("make", [small_pose2mesh, small_gtrs], ids=["pose2mesh", "gtrs"])
def test_networks_on_joints_are_the_same_on_litert(make: Callable[[], nn.Module], tmp_path: Path) -> None:
    mesh = tmp_path / "faces.npy" if make is small_pose2mesh else None
    _is_the_same(open_checkpoint(write(make(), tmp_path / "a.pth.tar"), mesh=mesh), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAVELLING)
def test_published_networks_that_travel_with_the_tests_are_the_same_on_litert(
    tmp_path: Path, name: str
) -> None:
    _published(Case(BUNDLED / name), tmp_path)


BY_A_SMALL_ONE = {"pose-hg-3d-msra50"}
"""Over a minute at full size, and nothing in it that its small one does not have; tools/reference_table.py
has it whole."""


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(PUBLISHED) - set(TRAVELLING) - BY_A_SMALL_ONE))
def test_published_networks_are_the_same_on_litert(tmp_path: Path, reference: Path, name: str) -> None:
    _published(Case(reference / "cases" / name), tmp_path)


def _published(case: Case, folder: Path) -> None:
    mesh = case.write_mesh(folder / "faces.npy")
    _is_the_same(open_checkpoint(case.write(folder / "published.pth"), mesh=mesh), folder)


def _is_the_same(model: Model, folder: Path) -> None:
    (artifact,) = export(model, ["tflite"], folder, "published")
    (tensor,) = artifact.spec.inputs
    shape = [int(length) for length in tensor.shape]
    data = np.random.RandomState(3).standard_normal(shape).astype(np.float32)
    with torch.inference_mode():
        wanted = flat((model.deployed or model.module)(torch.from_numpy(data)))
    with open_runner(artifact, RunOptions(threads=1)) as runner:
        found = runner.run({tensor.name: data})
    for (output, array), right in zip(found.items(), wanted, strict=True):
        assert np.abs(array - right.numpy()).max() < 1e-5 * right.abs().max(), output
