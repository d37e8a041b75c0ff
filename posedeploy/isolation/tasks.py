"""Run a task in a child process and raise an error if the child crashes, hangs or is killed."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import psutil

from posedeploy import errors, processes
from posedeploy.errors import OutputError
from posedeploy.isolation.abandoned import PREFIX, delete_abandoned, mark_in_use

SCRIPT = Path(__file__).with_name("child_script.py")
OPTIONS = ("-P", "-u", "-W", "ignore", "-X", "utf8")

MEMORY_SIGNS = (
    "memoryerror",
    "bad_alloc",
    "returned null without setting an exception",  # CPython, where an allocation fails in C code
    "cannot allocate memory",
    "failed to map segment",
    "error return without exception set",
)
"""The messages of Python, C++, C and the dynamic linker for a failed allocation, in lower case. The last one
is Python's if there is no memory for an exception."""
REMARKS = ("INFO:", "WARNING:")
"""The beginnings of log lines that are not about a crash."""

Kind: TypeAlias = Literal["crash", "time limit", "error", "not started"]


class ChildFailedError(Exception):
    """A child process did not finish its task.

    kind: ``crash`` (a signal, or another sudden end), ``time limit``, ``error`` (the task raised an exception
    that is not one of ``posedeploy.errors``) or ``not started``. stage: the current step, ``start`` before
    the task's first one. detail: the exception's message, or the last line that the child printed. signal:
    the number of the signal that ended the child; 0: none. error_type: the exception's class. memory_limit:
    in bytes; None: no limit.
    """

    memory_limit: int | None = None

    def __init__(
        self, kind: Kind, stage: str, detail: str, *, signal_number: int = 0, error_type: str = ""
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.stage = stage
        self.detail = detail
        self.signal = signal_number
        self.error_type = error_type

    @property
    def reason(self) -> str:
        """The signal and the detail, if any: ``SIGABRT; terminate called``."""
        return "; ".join(part for part in (signal_name(self.signal), self.detail) if part)

    @property
    def is_out_of_memory(self) -> bool:
        """Whether the child reported that an allocation failed."""
        report = f"{self.error_type} {self.detail}".lower()
        return any(sign in report for sign in MEMORY_SIGNS)


@dataclass(frozen=True)
class _Report:
    """The files that a child wrote to its folder."""

    stage: str
    answer: dict[str, Any] | None


@contextmanager
def work_folder(purpose: str) -> Iterator[Path]:
    """Yield a temporary folder for a child process, and delete the folders of killed processes.

    Args:
        purpose: for the message, such as "the check of human.pt2".

    Raises:
        OutputError: the folder or a file in it cannot be written.
    """
    folder = ""
    try:
        delete_abandoned(Path(tempfile.gettempdir()))
        with (
            tempfile.TemporaryDirectory(prefix=PREFIX) as folder,
            mark_in_use(Path(folder)),
        ):
            yield Path(folder)
    except OSError as error:
        if folder and not _is_about(error, Path(folder)):
            raise
        raise OutputError(
            f"{tempfile.gettempdir()}: cannot write the files of {purpose} here "
            f"({error.strerror or error}); set the environment variable TMPDIR to another folder"
        ) from error


def _is_about(error: OSError, folder: Path) -> bool:
    """Return whether an error is about a folder or a file in it. A full disk is, because nothing else is
    written at that time."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    names = (name for name in (error.filename, error.filename2) if isinstance(name, (str, bytes)))
    return any(Path(os.fsdecode(name)).is_relative_to(folder) for name in names)


def run_task(
    task: str,
    argument: Mapping[str, Any],
    work: Path,
    *,
    time_limit_s: float,
    memory_limit: int | None = None,
    imports: Sequence[str] = (),
    preload: Sequence[Path] = (),
) -> Any:
    """Run ``module:function`` in a child process with the working folder ``work``, and return its result.

    The function takes ``argument`` and ``enter``, and calls ``enter`` with the name of each stage that it
    begins. The argument and the result are JSON; arrays are passed as files (``arrays.py``).

    Args:
        memory_limit: in bytes, from the first stage on; None: no limit.
        imports: packages that the child imports first, in this order.
        preload: libraries that it loads before the packages.

    Raises:
        PoseDeployError: the function raised it.
        ChildFailedError: the child crashed, hung, raised another exception or could not be started.
    """
    if getattr(sys, "frozen", False):  # sys.executable is then not a Python interpreter
        raise ChildFailedError("not started", "start", "this program is frozen and has no Python to run")
    request = {
        "task": task,
        "argument": argument,
        "sys_path": [str(Path(entry or os.curdir).absolute()) for entry in sys.path],
        "preload": [str(path) for path in preload],
        "imports": list(imports),
        "time_limit_s": time_limit_s,
        "memory_limit": memory_limit,
    }
    try:
        return _run(request, work, time_limit_s)
    except ChildFailedError as failure:
        failure.memory_limit = memory_limit
        raise


def _run(request: Mapping[str, Any], work: Path, time_limit_s: float) -> Any:
    try:
        ended = processes.run(
            [sys.executable, *OPTIONS, SCRIPT],
            work,
            request=json.dumps(request).encode() + b"\n",
            time_limit_s=time_limit_s,
            # Temporary files of a crashed child are deleted with the folder.
            variables={"TMPDIR": str(work)},
        )
    except processes.NotStartedError as error:
        raise ChildFailedError("not started", "start", str(error)) from error
    except processes.TimeLimitError as error:
        stage = _read(work).stage
        raise ChildFailedError("time limit", stage, f"no end after {time_limit_s:g} s") from error
    return _result(_read(work), ended)


def _read(work: Path) -> _Report:
    stage, answer = work / "stage", work / "answer"
    return _Report(
        stage.read_text(encoding="utf-8") if stage.is_file() else "start",
        json.loads(answer.read_text(encoding="utf-8")) if answer.is_file() else None,
    )


def _result(report: _Report, ended: processes.ProgramResult) -> Any:
    """Return the result of the task, if the child finished it and exited with 0."""
    answer = report.answer
    if answer is None or ended.status != 0:
        status = f"exit status {ended.status}" if ended.status >= 0 else ""
        log = "\n".join(line for line in ended.log.splitlines() if not line.startswith(REMARKS))
        detail = processes.last_line(log) or status
        raise ChildFailedError("crash", report.stage, detail, signal_number=max(0, -ended.status))
    if not answer["error"]:
        return answer["result"]
    if answer["is_ours"] and hasattr(errors, answer["error"]):
        raise getattr(errors, answer["error"])(answer["message"])
    lines = answer["message"].splitlines() or [answer["error"]]
    failure = ChildFailedError("error", report.stage, lines[0], error_type=answer["error"])
    failure.add_note(ended.log)
    raise failure


def free_memory(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the memory limit for a child in bytes: 7/8 of the free memory of this machine or container
    (cgroup v2)."""
    free = int(psutil.virtual_memory().available)
    limit = cgroup / "memory.max"
    if limit.is_file() and (text := limit.read_text(encoding="ascii").strip()) != "max":
        used = int((cgroup / "memory.current").read_text(encoding="ascii"))
        fields = dict(line.split() for line in (cgroup / "memory.stat").read_text("ascii").splitlines())
        cached = int(fields.get("file", 0))  # the system frees the pages of files on demand
        free = min(free, max(0, int(text) - used + cached))
    return free - free // 8


def signal_name(number: int) -> str:
    """Return the name of a signal, such as ``SIGSEGV``; empty for 0."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}" if number else ""
