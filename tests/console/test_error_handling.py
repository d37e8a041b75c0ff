"""Errors that end a command: messages, exit status and signals."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable

import pytest
import typer
from typer.testing import CliRunner

from posedeploy.console.error_handling import ErrorHandlingGroup
from posedeploy.errors import InputError

CLEANED: list[bool] = []


def _swallow_ctrl_c() -> None:
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt as error:
        raise TypeError("expected a message argument") from error


def _interrupt_and_finish() -> None:
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _told_to_end() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def _told_to_end_twice() -> None:
    try:
        _told_to_end()
    finally:
        _told_to_end()
        CLEANED.append(True)


def _raising(error: BaseException) -> Callable[[], None]:
    def command() -> None:
        raise error

    return command


def _run(command: Callable[[], None]) -> tuple[int, str, BaseException | None]:
    app = typer.Typer(cls=ErrorHandlingGroup, pretty_exceptions_enable=False)
    app.command("run")(command)
    app.command("other")(lambda: None)
    result = CliRunner().invoke(app, ["run"])
    return result.exit_code, result.stderr, result.exception


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (_raising(InputError("no such thing")), "error: no such thing\n"),
        (_raising(KeyboardInterrupt()), "error: interrupted; no partial files remain"),
        (_told_to_end, "error: interrupted; no partial files remain"),
        (_swallow_ctrl_c, "error: interrupted; no partial files remain"),
        (
            _raising(PermissionError(errno.EACCES, "Permission denied", "locked/a.png")),
            "error: locked/a.png: cannot be used (Permission denied)\n",
        ),
        (_raising(MemoryError("894 GiB")), "error: not enough memory: 894 GiB\n"),
        (_raising(ModuleNotFoundError("no", name="openvino")), "pip install 'posedeploy[openvino]'"),
    ],
)
def test_errors_of_the_user_are_one_line_with_status_1(command: Callable[[], None], line: str) -> None:
    status, message, _ = _run(command)
    assert status == 1
    assert line in message
    assert message.count("\n") == 1


@pytest.mark.parametrize("error", [TypeError("a bug"), ModuleNotFoundError("no", name="mine")])
def test_a_bug_keeps_its_traceback(error: Exception) -> None:
    _, message, raised = _run(_raising(error))
    assert raised is error
    assert message == ""


def test_a_second_termination_signal_does_not_interrupt_the_cleanup() -> None:
    CLEANED.clear()
    assert _run(_told_to_end_twice)[0] == 1
    assert CLEANED


def test_a_command_may_succeed_after_ctrl_c() -> None:
    before = signal.getsignal(signal.SIGINT)
    assert _run(_interrupt_and_finish)[:2] == (0, "")
    assert signal.getsignal(signal.SIGINT) is before
