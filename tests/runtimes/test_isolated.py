"""Files that crash a runtime, or allocate memory without limit, are errors and do not end this process."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from posedeploy.backends import RUNTIMES
from posedeploy.errors import ArtifactError, DeviceError
from posedeploy.isolation.tasks import ChildFailedError, Kind
from posedeploy.runtimes import isolated
from posedeploy.runtimes.isolated import describe_in_child, explain_failure
from posedeploy.runtimes.load_runner import open_artifact, open_runner
from posedeploy.types import Artifact, RunOptions
from tests.support.tables import ON_CPU

LITERT = RUNTIMES["litert"]


@pytest.mark.parametrize("name", ["load.tflite", "allocate.tflite"])
def test_a_file_that_crashes_its_runtime_is_refused(data: Path, name: str) -> None:
    artifact = open_artifact(data / "hostile" / name)
    with pytest.raises(ArtifactError) as refusal:
        describe_in_child(artifact, RunOptions())
    text = str(refusal.value)
    assert text.startswith(f"{artifact.path}: litert 2.")
    assert " crashed (SIG" in text and text.endswith(
        "while it loaded this file; the file is damaged or malicious; download it again, or export it again"
    )


def test_a_file_that_takes_all_memory_is_refused(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "free_memory", lambda: 1 << 30)
    artifact = open_artifact(data / "hostile" / "memory.tflite")
    with pytest.raises(
        ArtifactError, match=r"memory\.tflite: LiteRT cannot run it |litert 2.* crashed \(SIG"
    ):
        describe_in_child(artifact, RunOptions(threads=1))


@pytest.mark.parametrize("target", [t for t in ON_CPU if t != "aoti"])
def test_a_report_equals_that_of_a_runner_in_this_process(exported: dict[str, Artifact], target: str) -> None:
    artifact = exported[target]
    report = describe_in_child(artifact, RunOptions(threads=1))
    with open_runner(artifact, RunOptions(threads=1)) as runner:
        assert report.inputs == runner.inputs and report.outputs == runner.outputs
        assert report.runtime_info == runner.runtime_info


def test_messages_have_the_path_as_the_caller_wrote_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exported: dict[str, Artifact]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("día 1 漢.onnx")
    path.write_bytes(exported["onnx"].path.read_bytes()[:-100])
    with pytest.raises(ArtifactError, match=r"^día 1 漢\.onnx: ONNX Runtime cannot load it "):
        describe_in_child(open_artifact(path), RunOptions())


@pytest.mark.parametrize(
    ("kind", "stage", "number", "error", "message"),
    [
        ("crash", "start", 11, DeviceError, r"litert 2.* cannot be used on this machine: the child process "
         r"that imports it crashed \(SIGSEGV\); install ai_edge_litert again, or export to another target"),
        ("not started", "start", 0, DeviceError, r"imports it did not start \(why\); free some memory or e"),
        ("time limit", "start", 0, DeviceError, r"process that imports it was stopped \(why\); install"),
        ("time limit", "load", 0, ArtifactError, r"litert 2.* was stopped \(why\) while it loaded this file"),
        ("crash", "load", 9, ArtifactError, r"crashed \(SIGKILL\) while it loaded .* memory ran out; f"),
        ("crash", "load", 4, ArtifactError, r"\(SIGILL\).*; litert 2.* uses an instruction that this proc"),
        ("crash", "exit", 6, ArtifactError, r"\(SIGABRT\) as its process ended, after it had loaded this f"),
    ],
)  # fmt: skip
def test_the_message_depends_on_what_happened_and_when(
    kind: Kind, stage: str, number: int, error: type[Exception], message: str
) -> None:
    failure = ChildFailedError(kind, stage, "" if number else "why", signal_number=number)
    with pytest.raises(error, match=rf"^a\.tflite: .*{message}"):
        raise explain_failure(failure, Path("a.tflite"), LITERT)


@pytest.mark.parametrize(
    ("stage", "number", "detail", "remedy"),
    [
        ("start", 0, "MemoryError", r"its memory limit was 1,024 MiB: free some memory and try again$"),
        ("start", 0, "exit status 1", r"crashed \(exit status 1\); install ai_edge_litert again, or"),
        ("start", 9, "", r"memory ran out; free some memory and try again$"),
        ("load", 6, "what():  std::bad_alloc", r"file; its memory limit was 1,024 MiB: free some "),
    ],
)  # fmt: skip
def test_a_lack_of_memory_is_reported_as_such(stage: str, number: int, detail: str, remedy: str) -> None:
    failure = ChildFailedError("crash", stage, detail, signal_number=number)
    failure.memory_limit = 1 << 30
    assert re.search(remedy, str(explain_failure(failure, Path("a.tflite"), LITERT)))


def test_with_less_memory_than_packages_take_the_remedy_is_memory(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolated, "free_memory", lambda: 26 << 20)  # numpy would end the process here
    with pytest.raises(DeviceError, match=r"its memory limit was 26 MiB: free some memory and try again"):
        describe_in_child(open_artifact(data / "hostile" / "load.tflite"), RunOptions(threads=1))


def test_an_import_that_returns_null_lacks_memory() -> None:
    detail = "<function _find_and_load at 0x7f> returned NULL without setting an exception"
    failure = ChildFailedError("error", "start", detail, error_type="SystemError")
    failure.memory_limit = 20 << 20
    error = explain_failure(failure, Path("a.tflite"), LITERT)
    assert isinstance(error, DeviceError)
    assert str(error).endswith("its memory limit was 20 MiB: free some memory and try again")


def test_a_bug_stays_one_and_memory_that_runs_out_is_reported() -> None:
    bug = ChildFailedError("error", "load", "a bug", error_type="KeyError")
    assert explain_failure(bug, Path("a.tflite"), LITERT) is bug
    short = ChildFailedError("error", "load", "", error_type="MemoryError")
    text = str(explain_failure(short, Path("a.tflite"), LITERT))
    assert text.startswith("a.tflite: litert ") and text.endswith("free some memory and try again")
