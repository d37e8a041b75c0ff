"""Run a program in its own process group, with a time limit and all its output in a log."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

COLOR = re.compile(r"\x1b\[[0-9;]*m")


class NotStartedError(Exception):
    """A program cannot be started; the cause is the ``OSError``."""


class TimeLimitError(Exception):
    """A program was ended at its time limit. ``log`` is all its output."""

    def __init__(self, time_limit_s: float, log: str) -> None:
        super().__init__(f"not done after {time_limit_s:g} s")
        self.time_limit_s = time_limit_s
        self.log = log


@dataclass(frozen=True)
class ProgramResult:
    """The result of a program.

    status: its exit status; negative for the signal that ended it. output, log: standard output and error.
    """

    status: int
    output: bytes
    log: str

    @property
    def last_line(self) -> str:
        """The last line of the log, which is the error of a Python traceback."""
        return last_line(self.log) or "no output"


def last_line(log: str) -> str:
    """Return the last line of a log that is not blank, without colors; empty if there is none."""
    lines = [line for line in map(str.strip, COLOR.sub("", log).splitlines()) if line]
    return lines[-1] if lines else ""


def run(
    command: Sequence[str | Path],
    work: Path,
    *,
    request: bytes = b"",
    time_limit_s: float | None = None,
    variables: Mapping[str, str] | None = None,
) -> ProgramResult:
    """Run a program in the folder ``work`` to its end, or to its time limit.

    It reads ``request`` from its standard input, which stays open as long as this process exists. An
    exception, such as at the time limit, also ends the program and all its child processes.

    Raises:
        NotStartedError: the program cannot be started.
        TimeLimitError: the program reached its time limit.
    """
    output, log = work / "output", work / "log"
    with output.open("wb") as to_output, log.open("wb") as to_log:
        try:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.PIPE,
                stdout=to_output,
                stderr=to_log,
                cwd=work,
                env={**os.environ, **(variables or {})},
                start_new_session=True,
            )
        except OSError as error:
            raise NotStartedError(f"{command[0]} cannot be started ({error.strerror})") from error
        try:
            status = _wait(process, request, time_limit_s)
        except subprocess.TimeoutExpired as error:
            _end(process)
            raise TimeLimitError(error.timeout, _text(log)) from error
        except BaseException:
            _end(process)
            raise
        finally:  # not earlier: a program may end with its input and leave its child processes running
            _close_input(process)
    return ProgramResult(status, output.read_bytes(), _text(log))


def _wait(process: subprocess.Popen[bytes], request: bytes, time_limit_s: float | None) -> int:
    assert process.stdin is not None, "it was opened as a pipe"
    with suppress(BrokenPipeError):  # it ended without reading; its exit status has the reason
        process.stdin.write(request)
        process.stdin.flush()
    return process.wait(time_limit_s)


def _close_input(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None, "it was opened as a pipe"
    with suppress(BrokenPipeError):
        process.stdin.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and all its child processes."""
    started: list[psutil.Process] = []  # also those in their own process groups
    with suppress(psutil.NoSuchProcess):
        started = psutil.Process(process.pid).children(recursive=True)
    if sys.platform == "win32":
        process.kill()
    else:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    for child in started:
        with suppress(psutil.NoSuchProcess):
            child.kill()
    process.wait()


def _text(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")
