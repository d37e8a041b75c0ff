"""Engines rebuilt from their ONNX file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from posedeploy.tensorrt.rebuild import rebuild

pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx builds the engines")
pytest.importorskip("cuda.bindings", reason="cuda-python runs them")

from posedeploy import manifest
from posedeploy.errors import (
    ArtifactError,
    MissingPackageError,
)
from posedeploy.plugins import version_of
from posedeploy.tensorrt.options import TensorRtOptions
from posedeploy.types import Artifact, ModelSpec
from tests.support.stand_ins import load_on_stand_in


def test_an_engine_is_rebuilt_from_its_graph(engine: Artifact, tmp_path: Path) -> None:
    for path in engine.path.parent.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    path = tmp_path / "tiny.engine"
    path.write_bytes(b"damaged")
    again = rebuild(manifest.read_recorded(path), TensorRtOptions(gpus=("8.9",)), lambda doing, part: None)
    assert manifest.read(path) == again
    assert again.details["compute_capabilities"] == ["8.9"]
    assert again.provenance is not None and engine.provenance is not None
    options = {**engine.provenance.options, "library": "tensorrt-rtx", "gpus": "('8.9',)"}
    assert again.provenance == replace(engine.provenance, options=options)
    with load_on_stand_in(replace(again, details=engine.details)) as runner:
        assert [spec.name for spec in runner.outputs] == [output.name for output in engine.spec.outputs]
    (tmp_path / "tiny.engine.onnx").write_bytes(b"another")
    with pytest.raises(
        ArtifactError, match=r"tiny.engine.onnx: not the ONNX file that tiny.engine was built from \("
    ):
        rebuild(again, TensorRtOptions(), lambda doing, part: None)
    (tmp_path / "tiny.engine.onnx").unlink()
    with pytest.raises(
        ArtifactError, match=r"it was built from, tiny.engine.onnx, is missing in its folder; copy it"
    ):
        rebuild(again, TensorRtOptions(), lambda doing, part: None)


@pytest.mark.parametrize("graph", ["b.engine.onnx", "tiny.engine.onnx"])
def test_a_renamed_engine_is_rebuilt_from_its_graph(engine: Artifact, tmp_path: Path, graph: str) -> None:
    names = {"tiny.engine": "b.engine", "tiny.engine.onnx": graph}
    for path in engine.path.parent.iterdir():
        (tmp_path / names.get(path.name, path.name)).write_bytes(path.read_bytes())
    (tmp_path / "c.engine.onnx").write_bytes(b"another")
    again = rebuild(
        manifest.read_recorded(tmp_path / "b.engine"), TensorRtOptions(), lambda doing, part: None
    )
    assert manifest.read(tmp_path / "b.engine") == again
    assert list(again.files) == ["b.engine"]


@pytest.mark.skipif(version_of("tensorrt") is not None, reason="the missing library is installed")
def test_an_engine_of_a_missing_library_is_not_rebuilt_with_another(engine: Artifact) -> None:
    third_party = replace(engine, details={**engine.details, "library": "tensorrt"})
    with pytest.raises(MissingPackageError, match=r"needs the package tensorrt, .*'posedeploy\[tensorrt\]'"):
        rebuild(third_party, TensorRtOptions(), lambda doing, part: None)


def test_a_third_party_engine_cannot_be_rebuilt() -> None:
    third_party = Artifact(Path("a.engine"), "tensorrt", ModelSpec("x", "", (), ()), "unknown")
    with pytest.raises(ArtifactError, match=r"^a\.engine: a third-party engine, which has no ONNX file"):
        rebuild(third_party, TensorRtOptions(), lambda doing, part: None)
