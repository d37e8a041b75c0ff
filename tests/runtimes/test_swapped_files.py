"""A file that changes between hashing and loading is an error."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from posedeploy import artifact_files, manifest
from posedeploy.aoti_package import admission, trial_cache
from posedeploy.errors import ArtifactError
from posedeploy.runtimes import load_runner
from posedeploy.runtimes.load_runner import open_artifact, open_runner
from posedeploy.types import Artifact, RunOptions
from tests.support.file_changes import CHANGES, Change, replace, rewrite
from tests.support.tables import ON_CPU

FILES = [
    pytest.param((target, runtime, suffix), id=f"{suffix}-on-{runtime}")
    for target, row in ON_CPU.items()
    for runtime in row.runtimes
    for suffix in row.file_names("")
]
OPTIONS = RunOptions(threads=1)


@pytest.fixture(params=FILES)
def case(
    request: pytest.FixtureRequest, exported: dict[str, Artifact], tmp_path: Path
) -> tuple[Path, str, Path]:
    """Return a model file in its own folder, its runtime, and the file of the model that will change."""
    target, runtime, suffix = request.param
    for name in (*exported[target].files, manifest.path_of(exported[target].path).name):
        shutil.copy(exported[target].path.with_name(name), tmp_path)
    time.sleep(0.02)  # file systems have coarse clocks
    return tmp_path / exported[target].path.name, runtime, tmp_path / f"tiny{suffix}"


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_file_that_changes_during_loading_is_an_error(
    case: tuple[Path, str, Path], change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, runtime, file = case
    artifact = open_artifact(path)
    load, loaded = load_runner._load, []

    def changed(*arguments: object) -> object:
        change(file)
        loaded.append(load(*arguments))  # type: ignore[arg-type]
        return loaded[0]

    monkeypatch.setattr(load_runner, "_load", changed)
    with pytest.raises(
        ArtifactError, match=rf"{file.name}: it was changed or replaced while it was loaded; run the command"
    ):
        open_runner(artifact, OPTIONS, runtime)
    assert loaded, "what was put there can be loaded"


def test_a_file_that_changes_after_opening_is_an_error(case: tuple[Path, str, Path]) -> None:
    path, runtime, file = case
    artifact = open_artifact(path)
    file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(
        ArtifactError,
        match=rf"{file.name}: its SHA-256 is .*, but it was .* when tiny.* was opened or exported: the file",
    ):
        open_runner(artifact, OPTIONS, runtime)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_another_file_with_the_recorded_content_is_accepted(
    case: tuple[Path, str, Path], change: Change
) -> None:
    path, runtime, file = case
    artifact = open_artifact(path)
    change(file)
    open_runner(artifact, OPTIONS, runtime).close()


def test_a_third_party_model_that_changes_after_opening_is_an_error(
    exported: dict[str, Artifact], tmp_path: Path
) -> None:
    path = Path(shutil.copy(exported["onnx"].path, tmp_path))
    artifact = open_artifact(path)
    assert artifact_files.hashes_of(artifact) == exported["onnx"].files
    open_runner(artifact, OPTIONS).close()
    time.sleep(0.02)
    rewrite(path)
    for use in (lambda: open_runner(artifact, OPTIONS), lambda: artifact_files.hashes_of(artifact)):
        with pytest.raises(
            ArtifactError, match=r"tiny\.onnx: it was changed or replaced after it was opened; o"
        ):
            use()


def test_an_export_that_changes_before_loading_is_an_error(
    exported: dict[str, Artifact], tmp_path: Path
) -> None:
    artifact = exported["onnx"]
    theirs = Path(shutil.copy(artifact.path, tmp_path))
    theirs.write_bytes(theirs.read_bytes() + b"\0")
    copied = Artifact(theirs, "onnx", artifact.spec, "fp32", artifact.files, artifact.provenance)
    with pytest.raises(ArtifactError, match=r"tiny\.onnx: its SHA-256 is .* or exported: the file was"):
        open_runner(copied, OPTIONS)


def test_a_package_that_changes_during_its_trial_does_not_pass(
    exported: dict[str, Artifact], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact = exported["aoti"]
    for name in (artifact.path.name, manifest.path_of(artifact.path).name):
        shutil.copy(artifact.path.with_name(name), tmp_path)
    path = tmp_path / artifact.path.name
    monkeypatch.setenv(trial_cache.VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(admission, "try_package", lambda package, *rest, **named: replace(path))
    with pytest.raises(ArtifactError, match=r"tiny\.pt2: the file changed during the trial; run"):
        open_runner(open_artifact(path), OPTIONS)
    assert not (tmp_path / "cache").exists()
