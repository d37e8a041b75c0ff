"""Packages that crash, hang or are damaged end a child process, never this process."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from posedeploy.aoti_package import trial, trial_cache
from posedeploy.aoti_package.admission import require_trial
from posedeploy.aoti_package.trial import TrialFailedError, try_package
from posedeploy.errors import ArtifactError, DeviceError, ManifestError, OutputError
from posedeploy.runtimes.load_runner import open_artifact, open_runner
from posedeploy.types import Array, Artifact, RunOptions
from tests.aoti_package.packages import ABORT, HANG, LEAVE, LOAD, RUN, SEGFAULT, harmful
from tests.environments.tiny_environment import have_ended, wait_for

CPU = torch.device("cpu")
INPUT = np.zeros((1, 3, 32, 40), np.float32)


@pytest.fixture
def package(exported: dict[str, Artifact]) -> Artifact:
    """Return the tiny network as a harmless package."""
    return exported["aoti"]


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set an empty trial cache."""
    monkeypatch.setenv(trial_cache.VARIABLE, str(tmp_path / "my cache é"))
    return tmp_path / "my cache é"


@pytest.mark.parametrize(
    ("code", "before", "after", "message"),
    [
        pytest.param(LOAD, SEGFAULT, "", "crashes when it is loaded (SIGSEGV); compiled by ", id="load"),
        pytest.param(RUN, ABORT, "", "crashes when it is run (SIGABRT; terminate called: no such ", id="run"),
        *(
            pytest.param(*row, marks=pytest.mark.slow)
            for row in (
                (LOAD, ABORT, "", "crashes when it is loaded (SIGABRT; terminate called: no such symbol); "),
                (LOAD, "", ABORT, "crashes when it is unloaded (SIGABRT; terminate called: no such symbol)"),
                (RUN, SEGFAULT, "", "crashes when it is run (SIGSEGV); "),
                (RUN, LEAVE, "", "crashes when it is run (exit status 0); "),
            )
        ),
    ],
)
def test_the_error_about_a_crash_names_the_libraries(
    package: Artifact, tmp_path: Path, code: str, before: str, after: str, message: str
) -> None:
    artifact = harmful(package, tmp_path / "día 1", code, before, after)
    with pytest.raises(ArtifactError) as refusal:
        open_runner(artifact, RunOptions(threads=torch.get_num_threads()))
    text = str(refusal.value)
    assert text.startswith(f"{artifact.path}: this AOTInductor package {message}")
    assert "libstdc++" in text and " and torch has loaded /" in text
    assert text.endswith(
        "; the C++ library fits; export it again with CXX set to another compiler, or choose another target"
    )
    assert "\n" not in text


def test_a_trial_returns_the_outputs_of_pytorch(package: Artifact, tmp_path: Path) -> None:
    images: list[list[Array]] = [[INPUT], [INPUT + 1]]
    first, second = try_package(package.path, "cpu", images)
    with open_runner(package, RunOptions(threads=torch.get_num_threads())) as runner:
        for outputs, (image,) in zip((first, second), images, strict=True):
            for output, expected in zip(outputs, runner.run({"data": image}).values(), strict=True):
                assert np.allclose(output, expected, rtol=0, atol=1e-5)


def test_a_package_is_tried_once_until_something_changes(
    package: Artifact, tmp_path: Path, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert require_trial(package, CPU) == "passed"
    assert len(list(empty_cache.rglob("*"))) == 2

    with monkeypatch.context() as no_child:
        no_child.setattr(sys, "executable", "/no/such/python")
        assert require_trial(package, CPU) == "passed before"
        with pytest.raises(DeviceError, match=r"cannot be checked: .* when torch is imported \(/no/such/p"):
            require_trial(replace(package, files={package.path.name: "0" * 64}), CPU)
        no_child.setattr(trial_cache, "VERSION", 0)
        with pytest.raises(DeviceError, match="cannot be checked"):
            require_trial(package, CPU)


@pytest.mark.slow
def test_a_failed_package_is_tried_again(package: Artifact, tmp_path: Path, empty_cache: Path) -> None:
    artifact = harmful(package, tmp_path / "harm", LOAD, ABORT)
    for _ in range(2):
        with pytest.raises(ArtifactError, match="crashes when it is loaded"):
            require_trial(artifact, CPU)
    assert not empty_cache.exists()


def test_a_cache_that_cannot_be_written_is_reported_without_an_error(
    package: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(trial_cache.VARIABLE, str(tmp_path / "file"))
    with open_runner(package, RunOptions(threads=torch.get_num_threads())) as runner:
        trial_result = runner.runtime_info.details["trial"]
    assert trial_result.startswith("passed; the result could not be cached (")
    assert trial_result.endswith("file/aoti: cannot write here (Not a directory); choose another folder)")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            None,
            "its manifest does not record how it was built; export it again: posedeploy export CH",
        ),
        ({"shapes": "x"}, r"the build information in its manifest is damaged \(Expected `array`, got `str`"),
        (
            {"shapes": [[1, 3, 8]]},
            r"records a trial with inputs of shape \[\(1, 3, 8\)\], but the network has data",
        ),
        (
            {"shapes": []},
            r"records a trial with inputs of shape \[\], but the network has data float32 1x3x32x40",
        ),
    ],
)
def test_a_manifest_without_a_complete_build_is_an_error(
    package: Artifact, empty_cache: Path, build: object, message: str
) -> None:
    details = {key: value for key, value in package.details.items() if key != "build"}
    doctored = replace(package, details=details if build is None else {**details, "build": build})
    with pytest.raises(ManifestError, match=message):
        require_trial(doctored, CPU)


def test_the_error_about_a_damaged_package_quotes_torch(
    package: Artifact, tmp_path: Path, empty_cache: Path
) -> None:
    damaged = tmp_path / package.path.name
    damaged.write_bytes(package.path.read_bytes()[:5000])
    with pytest.raises(ArtifactError, match=r"fails when it is loaded \(Failed to initialize zip archive"):
        require_trial(replace(package, path=damaged, files={}), CPU)


def test_a_time_limit_before_loading_is_an_environment_error(package: Artifact) -> None:
    with pytest.raises(TrialFailedError, match=r"^no end after 0\.01 s$") as failure:
        try_package(package.path, "cpu", [[INPUT]], time_limit_s=0.01)
    assert (failure.value.kind, failure.value.stage) == ("environment", "start")


def test_a_frozen_program_is_not_started_again(package: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(TrialFailedError, match="frozen and has no Python to run") as failure:
        try_package(package.path, "cpu", [[INPUT]])
    assert failure.value.kind == "environment"


@pytest.mark.slow
@pytest.mark.parametrize(("code", "stage"), [(LOAD, "loaded"), (RUN, "run")])
def test_a_package_that_hangs_is_ended(package: Artifact, tmp_path: Path, code: str, stage: str) -> None:
    artifact = harmful(package, tmp_path / "hang", code, HANG)
    with pytest.raises(ArtifactError, match=rf"hangs when it is {stage} \(no end after 20 s\); compiled by"):
        require_trial(artifact, CPU, time_limit_s=20)


@pytest.mark.slow
def test_the_child_leaves_no_files(
    package: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    artifact = harmful(package, tmp_path / "harm", RUN, SEGFAULT)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(TrialFailedError):
        try_package(artifact.path, "cpu", [[INPUT]])
    assert sorted(tmp_path.iterdir()) == before


def test_the_error_about_a_missing_temporary_folder_names_the_variable(
    package: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(
        OutputError, match=r"gone: cannot write the files of the check of tiny.* TMPDIR to another folder$"
    ):
        try_package(package.path, "cpu", [[INPUT]])


@pytest.mark.slow
def test_a_missing_device_is_an_environment_error(package: Artifact) -> None:
    with pytest.raises(TrialFailedError) as failure:
        try_package(package.path, "cuda:99", [[INPUT]])
    assert (failure.value.kind, failure.value.stage) == ("environment", "device")


def test_ctrl_c_ends_the_child(package: Artifact, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    note = f'fprintf(fopen("{pid}", "w"), "%d", getpid()); fflush(nullptr); {HANG}'
    artifact = harmful(package, tmp_path / "hang", LOAD, note)
    code = f"""
import numpy as np
from pathlib import Path
from posedeploy.aoti_package.trial import try_package
try_package(Path({str(artifact.path)!r}), "cpu", [[np.zeros((1, 3, 32, 40), np.float32)]])
"""
    root = Path(trial.__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=root, stderr=subprocess.PIPE, text=True
    ) as opening:
        wait_for(pid)
        opening.send_signal(signal.SIGINT)
        _, errors = opening.communicate(timeout=60)
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert have_ended([int(pid.read_text())])


def test_a_package_in_a_path_with_spaces_opens_and_leaves_no_files(
    package: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # where torch unpacks it
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "día 1 漢"
    folder.mkdir()
    for path in package.path.parent.glob("tiny.pt2*"):
        (folder / path.name).write_bytes(path.read_bytes())
    artifact = open_artifact(Path(folder.name) / "tiny.pt2")
    with open_runner(artifact, RunOptions(threads=torch.get_num_threads())) as runner:
        assert len(runner.run({"data": INPUT})) == 4
        assert len(list(tmp_path.glob("aotinductor_*"))) == 1
    assert list(tmp_path.iterdir()) == [folder]
