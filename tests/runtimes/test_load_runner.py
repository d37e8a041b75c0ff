from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from posedeploy import contracts, files, manifest
from posedeploy.contract_document import UNKNOWN
from posedeploy.errors import ArtifactError, InputError, ManifestError, MissingPackageError
from posedeploy.runtimes.load_runner import devices_of, open_artifact, open_runner, resolve_spec
from posedeploy.types import Artifact, ModelSpec, Provenance, RunOptions

FAMILY = "lightweight-openpose-2d"


@pytest.fixture
def third_party(exported: dict[str, Artifact], tmp_path: Path) -> Path:
    """Return an ONNX file without a manifest."""
    return Path(shutil.copy(exported["onnx"].path, tmp_path / "theirs.onnx"))


def test_an_exported_artifact_has_the_content_of_its_manifest(exported: dict[str, Artifact]) -> None:
    for artifact in exported.values():
        opened = open_artifact(artifact.path)
        assert opened == artifact
        with open_runner(opened, RunOptions()) as runner:
            assert resolve_spec(opened, runner) == artifact.spec


def test_an_artifact_of_a_known_family_needs_no_description(
    exported: dict[str, Artifact], tmp_path: Path
) -> None:
    artifact = exported["onnx"]
    path = Path(shutil.copy(artifact.path, tmp_path))
    manifest.write(replace(artifact, path=path, spec=replace(artifact.spec, family=FAMILY)), tmp_path)
    with pytest.raises(InputError, match="its manifest already describes it; remove `contract` and `family`"):
        open_artifact(path, contracts.family_defaults(FAMILY))


def test_a_family_completes_the_manifest_of_an_unknown_one(exported: dict[str, Artifact]) -> None:
    recorded = exported["onnx"].spec
    spec = open_artifact(exported["onnx"].path, contracts.family_defaults(FAMILY)).spec
    assert (spec.family, spec.roles) == (FAMILY, {"heatmaps": "heatmaps", "pafs": "pafs"})
    assert (spec.inputs, spec.outputs, spec.variant) == (recorded.inputs, recorded.outputs, recorded.variant)
    assert spec.contract is not None and recorded.contract is not None
    assert (spec.contract.height, spec.contract.mean) == (recorded.contract.height, recorded.contract.mean)


def test_code_compiled_for_a_device_runs_only_on_it() -> None:
    spec = ModelSpec("x", "", (), ())
    package = Artifact(Path("a.pt2"), "aoti", spec, "fp32", details={"device": "cuda"})
    assert devices_of(package) == ("cuda",)
    assert devices_of(replace(package, details={})) == ("cpu", "cuda")
    assert devices_of(Artifact(Path("a.tflite"), "tflite", spec, "fp32", details={"device": "x"})) == ("cpu",)


@pytest.mark.parametrize("library", ["tensorrt", "tensorrt-rtx"])
def test_a_missing_package_of_an_engine_is_installed_with_its_library(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("posedeploy.runtimes.tensorrt", "posedeploy.cuda"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name in ("cuda", "cuda.bindings"):
        monkeypatch.setitem(sys.modules, name, None)
    spec = ModelSpec("x", "", (), ())
    engine = Artifact(Path("a.engine"), "tensorrt", spec, "fp32", details={"library": library})
    with pytest.raises(MissingPackageError, match=rf"the package cuda, .*posedeploy\[{library}\]'$"):
        open_runner(engine, RunOptions("cuda"))


def test_a_third_party_model_has_only_tensors(third_party: Path) -> None:
    artifact = open_artifact(third_party)
    assert artifact.provenance is None
    with open_runner(artifact, RunOptions()) as runner:
        spec = resolve_spec(artifact, runner)
    assert spec.family == UNKNOWN
    assert [output.name for output in spec.outputs] == ["early_heatmaps", "early_pafs", "heatmaps", "pafs"]


def test_a_third_party_model_may_get_a_family(third_party: Path) -> None:
    artifact = open_artifact(third_party, contracts.family_defaults(FAMILY))
    with open_runner(artifact, RunOptions()) as runner:
        spec = resolve_spec(artifact, runner)
    assert spec.family == FAMILY
    assert spec.roles == {"heatmaps": "heatmaps", "pafs": "pafs"}
    assert spec.inputs[0].shape == (1, 3, 32, 40)


def test_a_description_of_missing_outputs_is_an_error(third_party: Path) -> None:
    described = replace(contracts.family_defaults(FAMILY), roles={"heatmaps": "maps"})
    artifact = open_artifact(third_party, described)
    with (
        open_runner(artifact, RunOptions()) as runner,
        pytest.raises(InputError, match=r"no output for 'heatmaps': expected maps, found early_heatmaps"),
    ):
        resolve_spec(artifact, runner)


def test_a_file_with_other_tensors_than_its_manifest_is_an_error(
    exported: dict[str, Artifact], tmp_path: Path
) -> None:
    model = onnx.load(exported["onnx"].path)
    model.graph.node[-1].output[0] = model.graph.output[-1].name = "renamed"
    onnx.save(model, tmp_path / "tiny.onnx")
    artifact = replace(exported["onnx"], path=tmp_path / "tiny.onnx", files={})
    with (
        open_runner(artifact, RunOptions()) as runner,
        pytest.raises(
            ArtifactError, match=r"its manifest has the tensors .* pafs, and the file has .* renamed"
        ),
    ):
        resolve_spec(artifact, runner)


def test_a_file_with_the_suffix_of_another_target_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"program")
    hashes = {"a.torchscript": files.sha256(tmp_path / "a.onnx")}
    artifact = Artifact(
        tmp_path / "a.onnx", "torchscript", ModelSpec("x", "", (), ()), "fp32", hashes, Provenance(None, "")
    )
    manifest.write(artifact, tmp_path)
    with pytest.raises(
        ManifestError, match="the target in its manifest is 'torchscript', and its suffix is that of onnx"
    ):
        open_artifact(tmp_path / "a.onnx")


def test_a_named_pipe_for_the_weights_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<net/>")
    os.mkfifo(tmp_path / "a.bin")
    with pytest.raises(
        ArtifactError, match=r"a\.bin: a named pipe, which .* pass a file of the openvino model"
    ):
        open_artifact(tmp_path / "a.xml")


def test_a_suffix_of_no_target_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ArtifactError, match=r"model\.mlmodel: not the name of a model file; expected a name that ends in"
    ):
        open_artifact(tmp_path / "model.mlmodel")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"gone\.onnx: no such file"):
        open_artifact(tmp_path / "gone.onnx")


def test_a_runtime_that_does_not_run_the_target_is_refused(exported: dict[str, Artifact]) -> None:
    with pytest.raises(
        ArtifactError, match=r"'onnxruntime' does not run \.xml files; openvino runs on openvino"
    ):
        open_runner(exported["openvino"], RunOptions(), "onnxruntime")


def test_a_changed_file_is_refused(exported: dict[str, Artifact], tmp_path: Path) -> None:
    for path in exported["onnx"].path.parent.glob("tiny.onnx*"):
        shutil.copy(path, tmp_path)
    with (tmp_path / "tiny.onnx").open("ab") as stream:
        stream.write(b"more")
    with pytest.raises(ManifestError, match="the file was changed"):
        open_artifact(tmp_path / "tiny.onnx")
    assert manifest.path_of(tmp_path / "tiny.onnx").is_file()


def test_a_description_without_tensors_has_those_of_the_file(third_party: Path) -> None:
    artifact = open_artifact(
        third_party, ModelSpec("mine", "", (), (), contracts.family_defaults(FAMILY).contract)
    )
    with open_runner(artifact, RunOptions()) as runner:
        assert len(resolve_spec(artifact, runner).outputs) == 4


@pytest.mark.parametrize(
    ("make", "message"), [(Path.mkdir, "is a folder"), (lambda path: None, "no such file")]
)
def test_a_missing_file_is_no_error_of_the_description(
    tmp_path: Path, make: Callable[[Path], None], message: str
) -> None:
    make(tmp_path / "gone.onnx")
    with pytest.raises(ArtifactError, match=rf"gone\.onnx: {message}"):
        open_artifact(tmp_path / "gone.onnx", contracts.family_defaults(FAMILY))
