"""Run a task in a child process, and report a crash, a hang or a signal there as an error here."""

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
    "cannot allocate memory",
    "failed to map segment",
    "error return without exception set",
)
"""What Python, C++, C and the loader of libraries report where an allocation fails, in lower case; the last
one comes from Python where even an exception needs too much."""
REMARKS = ("INFO:", "WARNING:")
"""How lines of a log begin that have nothing to do with a crash."""

Kind: TypeAlias = Literal["crash", "time limit", "error", "not started"]


class ChildFailedError(Exception):
    """A child process did not finish its task.

    kind: ``crash`` (a signal, or another sudden end), ``time limit``, ``error`` (the task raised an exception
    that is not one of ``posedeploy.errors``) or ``not started``. stage: the step that was under way;
    ``start`` before the task's first one. detail: the exception's message, or the last line that the child
    printed. signal: the number of the signal that ended the child, 0 for none. error_type: the exception's
    class. memory_limit: the most memory that the child could take, in bytes; None for no limit.
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
        """The signal and the detail, as far as there are any: ``SIGABRT; terminate called``."""
        return "; ".join(part for part in (signal_name(self.signal), self.detail) if part)

    @property
    def is_out_of_memory(self) -> bool:
        """Whether the child reported that an allocation failed."""
        report = f"{self.error_type} {self.detail}".lower()
        return any(sign in report for sign in MEMORY_SIGNS)


@dataclass(frozen=True)
class _Left:
    """What a child left in its folder."""

    stage: str
    answer: dict[str, Any] | None


@contextmanager
def work_folder(purpose: str) -> Iterator[Path]:
    """Give a temporary folder for a child process and its files; delete those that killed processes left.

    Args:
        purpose: for the message, such as "the check of human.pt2".

    Raises:
        OutputError: it, or a file in it, cannot be written.
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
        if folder and not _is_of_folder(error, Path(folder)):
            raise
        raise OutputError(
            f"{tempfile.gettempdir()}: cannot write the files of {purpose} here "
            f"({error.strerror or error}); name another folder in the environment variable TMPDIR"
        ) from error


def _is_of_folder(error: OSError, folder: Path) -> bool:
    """Whether an error is about a temporary folder or a file in it. A full disk is: nothing else is written
    while there is one."""
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
    """Run ``module:function`` in a child process that works in the folder ``work``, and return its result.

    The function takes ``argument`` and ``enter``, which it calls with the name of each stage before it. The
    argument and the result are JSON; arrays go through files (``arrays.py``).

    Args:
        memory_limit: in bytes; None for no limit.
        imports: packages that the child imports first, in this order.
        preload: libraries that it loads before those.

    Raises:
        PoseDeployError: as the function raised it.
        ChildFailedError: the child crashed, hung, raised another exception or could not be started.
    """
    if getattr(sys, "frozen", False):  # its executable is the program itself, not a Python
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
            # What a crash leaves of temporary files goes with the folder.
            variables={"TMPDIR": str(work)},
        )
    except processes.NotStartedError as error:
        raise ChildFailedError("not started", "start", str(error)) from error
    except processes.TimeLimitError as error:
        stage = _read(work).stage
        raise ChildFailedError("time limit", stage, f"no end after {time_limit_s:g} s") from error
    return _result(_read(work), ended)


def _read(work: Path) -> _Left:
    stage, answer = work / "stage", work / "answer"
    return _Left(
        stage.read_text(encoding="utf-8") if stage.is_file() else "start",
        json.loads(answer.read_text(encoding="utf-8")) if answer.is_file() else None,
    )


def _result(left: _Left, ended: processes.Ended) -> Any:
    """The task's result, where the child finished it and ended well."""
    answer = left.answer
    if answer is None or ended.status != 0:
        status = f"exit status {ended.status}" if ended.status >= 0 else ""
        log = "\n".join(line for line in ended.log.splitlines() if not line.startswith(REMARKS))
        detail = processes.last_line(log) or status
        raise ChildFailedError("crash", left.stage, detail, signal_number=max(0, -ended.status))
    if not answer["error"]:
        return answer["result"]
    if answer["is_ours"] and hasattr(errors, answer["error"]):
        raise getattr(errors, answer["error"])(answer["message"])
    lines = answer["message"].splitlines() or [answer["error"]]
    failure = ChildFailedError("error", left.stage, lines[0], error_type=answer["error"])
    failure.add_note(ended.log)
    raise failure


def free_memory(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the bytes of memory that a child may take: what is free here, or in this container (cgroup v2),
    less an eighth for others."""
    free = int(psutil.virtual_memory().available)
    limit = cgroup / "memory.max"
    if limit.is_file() and (text := limit.read_text(encoding="ascii").strip()) != "max":
        taken = int((cgroup / "memory.current").read_text(encoding="ascii"))
        fields = dict(line.split() for line in (cgroup / "memory.stat").read_text("ascii").splitlines())
        cached = int(fields.get("file", 0))  # pages of files, which the system gives up for others
        free = min(free, max(0, int(text) - taken + cached))
    return free - free // 8


def signal_name(number: int) -> str:
    """Return ``SIGSEGV`` and such; empty for 0."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}" if number else ""
