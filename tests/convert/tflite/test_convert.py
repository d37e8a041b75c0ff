"""TFLite files: layouts, tensor names, the manifest inside and the metadata."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from torch import nn

from posedeploy import embedded_manifest, manifest
from posedeploy.convert.export import export
from posedeploy.convert.export_options import ExportOptions, TfliteOptions
from posedeploy.convert.tflite.flatbuffer import ALIGNMENT
from posedeploy.convert.tflite.metadata import METADATA
from posedeploy.errors import ExportError
from posedeploy.runtimes.load_runner import open_artifact, open_runner
from posedeploy.types import Artifact, Model, ModelSpec, RunOptions, TensorSpec
from tests.support.networks import two_input_model

LAST = TfliteOptions(layout="nhwc")


@pytest.fixture(scope="module")
def last(tiny: Model, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """Export the tiny network with channels last and every axis dynamic."""
    folder = tmp_path_factory.mktemp("last")
    (artifact,) = export(tiny, ["tflite"], folder, "last", ExportOptions(dynamic=True, tflite=LAST))
    return artifact


def _signature(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    runner = Interpreter(model_path=str(path)).get_signature_runner()
    return runner.get_input_details(), runner.get_output_details()


def _read(path: Path) -> Any:
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))


def test_the_layout_is_that_of_the_option(last: Artifact, exported: dict[str, Artifact]) -> None:
    inputs, outputs = _signature(last.path)
    assert list(inputs["data"]["shape_signature"]) == [-1, -1, -1, 3]
    assert {name: details["shape"][3] for name, details in outputs.items()} == {
        "early_heatmaps": 2, "early_pafs": 4, "heatmaps": 2, "pafs": 4,
    }  # fmt: skip
    inputs, outputs = _signature(exported["tflite"].path)
    assert list(inputs["data"]["shape"]) == [1, 3, 32, 40]
    assert list(outputs["pafs"]["shape"]) == [1, 4, 4, 5]


def test_the_manifest_records_the_layout_and_keeps_the_spec(
    last: Artifact, exported: dict[str, Artifact]
) -> None:
    assert last.details == {
        "converter": "litert-torch",
        "layout": "nhwc",
        "channels_last": ["data", "early_heatmaps", "early_pafs", "heatmaps", "pafs"],
    }
    assert exported["tflite"].details["channels_last"] == []
    assert last.spec.inputs == (TensorSpec("data", ("batch", 3, "height", "width"), layout="NCHW"),)


def test_a_runner_has_channels_first_at_any_size(last: Artifact, tiny: Model) -> None:
    shapes = [(1, 3, 32, 40), (2, 3, 16, 24), (2, 3, 16, 24), (1, 3, 32, 40)]
    images = [np.random.RandomState(1).standard_normal(shape).astype(np.float32) for shape in shapes]
    with open_runner(last, RunOptions(threads=1)) as runner:
        results = [runner.run({"data": image}) for image in images]
    for image, found in zip(images, results, strict=True):
        with torch.inference_mode():
            heatmaps, pafs = tiny.module(torch.from_numpy(image))["late"]
        assert found["heatmaps"].shape == tuple(heatmaps.shape)
        np.testing.assert_allclose(found["heatmaps"], heatmaps.numpy(), rtol=0, atol=1e-6)
        np.testing.assert_allclose(found["pafs"], pafs.numpy(), rtol=0, atol=1e-6)
        assert found["heatmaps"].flags.owndata and found["pafs"].flags.owndata


def test_channels_last_without_a_channels_first_tensor_is_an_error(tmp_path: Path) -> None:
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


def test_the_embedded_manifest_differs_only_in_the_hashes(last: Artifact) -> None:
    with zipfile.ZipFile(last.path) as archive:
        inside = json.loads(archive.read(embedded_manifest.NAME))
    beside = json.loads(manifest.path_of(last.path).read_text())
    assert inside.pop("files") != beside.pop("files")
    assert inside.pop("manifest_sha256") != beside.pop("manifest_sha256")
    assert inside == beside


def test_the_metadata_names_the_tensors_and_the_manifest(last: Artifact) -> None:
    model = _read(last.path)
    (entry,) = [entry for entry in model.metadata if entry.name == METADATA]
    content = bytes(model.buffers[entry.buffer].data)
    assert flatbuffers.util.BufferHasIdentifier(content, 0, b"M001")
    texts = (b"last", b"tiny, for tests", b"data", b"early_pafs", b"posedeploy.json", b"1.0.0", b"NHWC")
    assert [text for text in texts if text not in content] == []
    root = flatbuffers.table.Table(content, flatbuffers.encode.Get(flatbuffers.packer.uoffset, content, 0))
    assert root.String(root.Pos + root.Offset(4)) == b"last"
    files = root.Vector(root.Offset(4 + 2 * 6))
    manifest_file = flatbuffers.table.Table(content, root.Indirect(files))
    assert manifest_file.String(manifest_file.Pos + manifest_file.Offset(4)) == b"posedeploy.json"


def test_weights_are_aligned_and_unchanged(exported: dict[str, Artifact], tiny: Model) -> None:
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


def test_tensor_names_need_not_be_python_names(tmp_path: Path) -> None:
    spec = ModelSpec("x", "", (TensorSpec("in.put:0", (1, 3)),), (TensorSpec("out/1", (1, 4)),))
    model = Model(nn.Linear(3, 4).eval().requires_grad_(False), spec, None, "")
    (artifact,) = export(model, ["tflite"], tmp_path, "a")
    with open_runner(artifact, RunOptions(threads=1)) as runner:
        (output,) = runner.run({"in.put:0": np.ones((1, 3), np.float32)}).items()
    assert output[0] == "out/1"
    assert [set(side) for side in _signature(artifact.path)] == [{"in.put:0"}, {"out/1"}]
