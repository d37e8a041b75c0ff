"""Failures that are kept in the state of a search, and those that the next run tries again."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from posedeploy.api import tuning_candidates, tuning_files
from posedeploy.api.model_args import ModelArgs
from posedeploy.api.tuning_candidates import CandidateOpener
from posedeploy.api.tuning_files import ModelFiles
from posedeploy.api.tuning_options import TuneOptions
from posedeploy.benchmarks.budget import Budget
from posedeploy.errors import (
    ArtifactError,
    DeviceError,
    ExportError,
    IsolatedEnvironmentError,
    IsolatedProgramError,
    MeasurementError,
    MissingPackageError,
    OutputError,
    PoseDeployError,
)
from posedeploy.tuning.configurations import Configuration, ModelFile
from posedeploy.tuning.deadline import Deadline
from posedeploy.tuning.state import State
from posedeploy.types import RunOptions

FILE = ModelFile("onnx", "fp32")
CONFIGURATION = Configuration(FILE, "onnxruntime")
OPTIONS = TuneOptions(budget=Budget(px=1.0))
TEMPORARY = [
    DeviceError("`device=cuda`: torch finds no CUDA device; install a driver"),
    MissingPackageError("the package onnxruntime is not installed"),
    OutputError("tuned: cannot write here (no space left on device)"),
    IsolatedEnvironmentError("the environment of onnx2tf cannot be created"),
]
PERMANENT = [
    DeviceError("`precision=fp16`: no FP16 arithmetic on this processor"),
    ArtifactError("human.onnx: a kernel failed"),
    ExportError("an operator is not supported"),
    IsolatedProgramError("onnx2tf failed", "onnx2tf", "log"),
]


class FailingProcess:
    """A child process in which a candidate fails."""

    def __init__(self, error: PoseDeployError) -> None:
        self._error = error

    def measure(self, *_: object) -> None:
        raise MeasurementError(f"cannot be measured in a separate process: {self._error}") from self._error


def open_failing(state: State, error: PoseDeployError, monkeypatch: pytest.MonkeyPatch) -> CandidateOpener:
    """Fail to open a candidate, because its child process fails with this error; return the opener."""
    monkeypatch.setattr(tuning_candidates, "OwnProcess", lambda *_, **__: FailingProcess(error))
    monkeypatch.setattr(tuning_candidates, "run_options", lambda *_: RunOptions())
    files = cast(Any, SimpleNamespace(open=lambda file: None, has_failed=lambda file: False))
    opener = CandidateOpener(files, OPTIONS, state, lambda: None, Deadline(1e6), lambda *_: None)
    with pytest.raises(MeasurementError):
        opener.open(CONFIGURATION)
    return opener


@pytest.mark.parametrize("error", TEMPORARY, ids=lambda error: type(error).__name__)
def test_a_candidate_is_tried_again_after_what_the_user_can_fix(
    error: PoseDeployError, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = State(settings={})
    open_failing(state, error, monkeypatch)
    assert state.candidates[CONFIGURATION.label].reason == ""


@pytest.mark.parametrize("error", PERMANENT, ids=lambda error: type(error).__name__)
def test_a_candidate_that_cannot_run_is_not_tried_again(
    error: PoseDeployError, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = State(settings={})
    open_failing(state, error, monkeypatch)
    assert str(error) in state.candidates[CONFIGURATION.label].reason


def test_a_runtime_without_the_device_is_not_loaded_again_in_the_same_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opener = open_failing(State(settings={}), TEMPORARY[0], monkeypatch)
    assert opener.has_failed(CONFIGURATION)
    with pytest.raises(DeviceError, match="torch finds no CUDA device"):
        opener.open(CONFIGURATION)


@pytest.mark.parametrize("error", [*TEMPORARY, *PERMANENT], ids=lambda error: type(error).__name__)
def test_a_failed_export_is_kept_only_if_the_next_run_fails_too(
    error: PoseDeployError, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def export(*_: object) -> None:
        raise error

    monkeypatch.setattr(tuning_files, "export_again", export)
    state = State(settings={})
    model = cast(Any, SimpleNamespace(source=Path("human.pth")))
    files = ModelFiles(model, OPTIONS, tmp_path, state, lambda: None, lambda *_: None)
    with pytest.raises(type(error)):
        files.open(FILE)
    assert [record.reason for record in state.model_files.values()] == [str(error)] * (error in PERMANENT)


def test_a_remark_about_the_calibration_is_logged_once_also_after_a_failed_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def export(model: Any, target: str, folder: Path, *_: object) -> list[Any]:
        if target == "openvino":
            raise ExportError("an operator is not supported")
        logging.getLogger("posedeploy.calibration").warning("few images")
        return [SimpleNamespace(path=folder / "human-int8.onnx")]

    monkeypatch.setattr(tuning_files, "export_again", export)
    monkeypatch.setattr(tuning_files, "bytes_of", lambda artifact: 9)
    model = cast(Any, SimpleNamespace(source=Path("human.pth")))
    files = ModelFiles(model, OPTIONS, tmp_path, State(settings={}), lambda: None, lambda *_: None)
    with pytest.raises(ExportError):
        files.open(ModelFile("openvino", "int8"))
    for target in ("onnx", "tflite"):
        files.open(ModelFile(target, "int8"))
    assert caplog.messages == ["few images"]


@pytest.mark.parametrize(("precision", "is_shown"), [("int8", True), ("mixed", True), ("fp32", False)])
def test_the_export_command_has_the_number_of_calibration_images(
    precision: str, is_shown: bool, tmp_path: Path
) -> None:
    model = cast(Any, SimpleNamespace(source=Path("human.pth")))
    options = replace(OPTIONS, calibration_images=30)
    files = ModelFiles(model, options, tmp_path, State(settings={}), lambda: None, lambda *_: None)
    command = files.export_command(ModelFile("onnx", precision), ModelArgs(), Path("tuned"))
    assert ("--calibration-images 30" in command) == is_shown
