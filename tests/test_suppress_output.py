from __future__ import annotations

import logging
import os
import sys
import threading
import warnings

import pytest
from rich.console import Console
from rich.progress import Progress

from posedeploy.suppress_output import NATIVE, only_errors, suppress_python_output, suppress_stderr


def test_output_is_suppressed_and_then_restored(capfd: pytest.CaptureFixture[str]) -> None:
    with suppress_stderr():
        os.write(2, b"a native library\n")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_stderr_can_be_kept(capfd: pytest.CaptureFixture[str]) -> None:
    with suppress_stderr(native=False):
        os.write(2, b"a spinner\n")
        warnings.warn("old", FutureWarning, stacklevel=1)
    assert capfd.readouterr().err == "a spinner\n"


def test_output_of_packages_is_suppressed_and_progress_is_not(capfd: pytest.CaptureFixture[str]) -> None:
    console, logger = Console(stderr=True), logging.getLogger("posedeploy_tests.loud")
    logger.setLevel(logging.DEBUG)
    with Progress(console=console, transient=True), suppress_python_output():
        logger.critical("of a package")
        warnings.warn("of a package", UserWarning, stacklevel=1)
        sys.stderr.write("of a package\n")
        console.print("of ours")
    sys.stderr.write("after\n")
    assert [line for line in capfd.readouterr().err.splitlines() if line.strip()] == ["of ours", "after"]
    assert not logging.root.manager.disable


def test_the_environment_is_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    set_before, not_set = NATIVE
    monkeypatch.setenv(set_before, "1")
    monkeypatch.delenv(not_set, raising=False)
    with pytest.raises(ZeroDivisionError), suppress_stderr():
        assert os.environ[set_before] == NATIVE[set_before]
        raise ZeroDivisionError
    assert os.environ[set_before] == "1"
    assert not_set not in os.environ


def test_a_program_without_stderr_is_supported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with suppress_stderr():
        os.write(2, b"")


def test_stderr_is_restored_after_two_threads(capfd: pytest.CaptureFixture[str]) -> None:
    inside, leave = threading.Event(), threading.Event()

    def first() -> None:
        with suppress_stderr():
            inside.set()
            leave.wait(10)

    def second() -> None:
        with suppress_stderr():
            os.write(2, b"noise")

    threads = [threading.Thread(target=work) for work in (first, second)]
    threads[0].start()
    inside.wait(10)
    threads[1].start()
    leave.set()
    for thread in threads:
        thread.join()
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_a_logger_reports_only_errors_and_is_then_restored(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("posedeploy.test")
    logger.setLevel(logging.INFO)
    with only_errors("posedeploy.test"):
        logger.warning("small talk")
        logger.error("serious")
        warnings.warn("old", UserWarning, stacklevel=1)
    logger.info("again")
    assert caplog.messages == ["serious", "again"]
    with pytest.warns(UserWarning), only_errors("posedeploy.test", ignored=(FutureWarning,)):
        warnings.warn("new", UserWarning, stacklevel=1)
