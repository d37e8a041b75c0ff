"""The opset and the IR version of ONNX files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import onnxruntime
import pytest
from onnx import helper

from posedeploy import manifest
from posedeploy.convert import onnx_opset
from posedeploy.convert.export import export
from posedeploy.convert.export_options import ExportOptions, OnnxOptions
from posedeploy.convert.onnx import OPSET
from posedeploy.errors import ExportError
from posedeploy.types import Artifact, Model


def exported_at(tiny: Model, folder: Path, opset: int) -> Artifact:
    return export(tiny, ["onnx"], folder, "tiny", ExportOptions(onnx=OnnxOptions(opset)))[0]


def test_the_default_file_has_the_lowest_ir_version_of_its_opset(exported: dict[str, Artifact]) -> None:
    model = onnx.load(exported["onnx"].path)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", OPSET)]
    assert model.ir_version == 8, "IR 8 came with opset 15 and 9 with 19"
    assert exported["onnx"].details == {"opset": OPSET, "ir_version": 8}


@pytest.mark.parametrize(("opset", "ir_version"), [(14, 7), (21, 10)])
def test_a_file_of_another_opset_is_checked_and_written(
    tiny: Model, tmp_path: Path, opset: int, ir_version: int
) -> None:
    artifact = exported_at(tiny, tmp_path, opset)
    model = onnx.load(artifact.path)
    assert (model.opset_import[0].version, model.ir_version) == (opset, ir_version)
    assert model.ir_version == helper.find_min_ir_version_for(model.opset_import)
    again = manifest.read(artifact.path)
    assert again.details == {"opset": opset, "ir_version": ir_version}
    assert again.provenance is not None
    assert again.provenance.options["opset"] == str(opset)
    session = onnxruntime.InferenceSession(artifact.path, providers=["CPUExecutionProvider"])
    assert [value.name for value in session.get_outputs()] == [tensor.name for tensor in tiny.spec.outputs]


@pytest.mark.parametrize(
    ("opset", "message"),
    [
        (
            13,
            r"`opset=13`: onnx's version converter cannot .* \(No Adapter .* Relu\)\. The lowest .* is 14",
        ),
        (0, r"`opset=0`: expected 1 to \d+, which onnx .* supports\. The lowest .* is 14"),
        (
            9999,
            r"`opset=9999`: expected 1 to .* The highest opset that works for this network is \d+",
        ),
    ],
)
def test_the_error_about_an_unsupported_opset_names_the_nearest(
    tiny: Model, tmp_path: Path, opset: int, message: str
) -> None:
    with pytest.raises(ExportError, match=message):
        exported_at(tiny, tmp_path, opset)
    assert not list(tmp_path.iterdir())


def test_a_conversion_that_changes_the_outputs_is_an_error(
    tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert: Callable[[onnx.ModelProto, int], onnx.ModelProto] = onnx_opset.version_converter.convert_version

    def wrong_below_17(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
        converted = convert(model, opset)
        if opset < 17:
            weights = next(tensor for tensor in converted.graph.initializer if len(tensor.dims) == 4)
            weights.raw_data = bytes(len(weights.raw_data))
        return converted

    monkeypatch.setattr(onnx_opset.version_converter, "convert_version", wrong_below_17)
    with pytest.raises(ExportError, match=r"`opset=15`: the file differs from PyTorch in .* lowest .* is 17"):
        exported_at(tiny, tmp_path, 15)


def test_other_targets_keep_their_opset(tiny: Model, tmp_path: Path) -> None:
    options = ExportOptions(onnx=OnnxOptions(14))
    onnx_file, openvino_file = export(tiny, ["onnx", "openvino"], tmp_path, "tiny", options)
    assert onnx.load(onnx_file.path).opset_import[0].version == 14
    assert openvino_file.provenance is not None
    assert "opset" not in openvino_file.provenance.options
