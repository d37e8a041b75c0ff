"""The script of a child process that runs one task, so that a crash ends no other process.

``python -P -u -X utf8 child_script.py`` reads a request, one line of JSON, from standard input. In its
working folder, it writes the current step to ``stage``, and the result or error of the task to ``answer``. A
process that ends without an answer crashed at that stage.
"""

from __future__ import annotations

import ctypes
import faulthandler
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

STAGE, ANSWER = Path("stage").absolute(), Path("answer").absolute()
MAX_OOM_SCORE = "1000"
"""The maximum score of Linux's out-of-memory killer, so that it ends this process first."""
MIN_FREE_BYTES = 32 << 20
"""The memory that a task needs besides what Python and its packages take. With less, packages hang or end the
process without a message."""


def main() -> None:
    """Run the task that the request names."""
    request = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _limit_resources(request["time_limit_s"])
    sys.path[:] = request["sys_path"]  # the same packages as in the parent process
    for library in request["preload"]:
        ctypes.CDLL(library)
    _enter("start")
    try:
        task = _import_task(request)
        _restore_signals()
        result = task(request["argument"], _limit_memory_before(_enter, request["memory_limit"]))
    except Exception as error:
        _lift_memory_limit()  # reporting the error needs memory
        traceback.print_exc()
        _answer({"error": type(error).__name__, "message": str(error).strip(), "is_ours": _is_ours(error)})
        return
    _answer({"error": "", "result": result})
    _enter("exit")


def _end_with_parent() -> None:
    """End this process and its children as soon as its parent ends, which closes the pipe."""
    while os.read(0, 1):  # reading sys.stdin would hold its lock when the interpreter ends
        pass
    if sys.platform == "win32":
        os._exit(1)
    os.killpg(0, signal.SIGKILL)


def _import_task(request: Mapping[str, Any]) -> Callable[[Any, Callable[[str], None]], Any]:
    module, _, name = request["task"].partition(":")
    with _silent():
        for package in request["imports"]:
            import_module(package)
        task: Callable[[Any, Callable[[str], None]], Any] = getattr(import_module(module), name)
    return task


def _is_ours(error: Exception) -> bool:
    return isinstance(error, import_module("posedeploy.errors").PoseDeployError)


def _limit_resources(time_limit_s: float) -> None:
    """Limit the time, even if the parent is killed, and disable core dumps."""
    if sys.platform != "win32":
        import resource

        signal.alarm(int(time_limit_s) + 10)  # the system ends the process, even inside a native call
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):  # Linux only
        Path("/proc/self/oom_score_adj").write_text(MAX_OOM_SCORE, encoding="ascii")


def _limit_memory_before(enter: Callable[[str], None], limit: int | None) -> Callable[[str], None]:
    """Return an ``enter`` that first limits the memory. The imports before the first stage are not limited,
    because Python and its packages may hang, or end the process without a message, if an allocation fails."""

    def limit_and_enter(stage: str) -> None:
        nonlocal limit
        if limit is not None and sys.platform != "win32":
            _limit_memory(limit)
        limit = None
        enter(stage)

    return limit_and_enter


def _limit_memory(limit: int) -> None:
    """Limit the memory of this process in bytes.

    Raises:
        MemoryError: the process uses so much of it that less than ``MIN_FREE_BYTES`` is left.
    """
    import resource

    used = _used_memory()
    if used + MIN_FREE_BYTES > limit:
        raise MemoryError(f"Python and its packages use {used >> 20:,} of {limit >> 20:,} MiB")
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    lower = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (lower, hard))


def _used_memory() -> int:
    """Return the bytes that ``RLIMIT_DATA`` counts; 0 on other systems than Linux."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="ascii").splitlines() if status.is_file() else []
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("VmData:"))


def _lift_memory_limit() -> None:
    if sys.platform != "win32":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def _restore_signals() -> None:
    """Remove the crash handlers of packages, because the parent reports the signal."""
    faulthandler.disable()
    for name in ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)


@contextmanager
def _silent() -> Iterator[None]:
    """Discard what packages print on import, so that the last line of the log is about a crash."""
    copies = [(number, os.dup(number)) for number in (1, 2)]
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        for number, _ in copies:
            os.dup2(null, number)
        yield
    finally:
        for number, copy in copies:
            os.dup2(copy, number)
            os.close(copy)
        os.close(null)


def _enter(stage: str) -> None:
    _write(STAGE, stage)


def _answer(answer: Mapping[str, Any]) -> None:
    _write(ANSWER, json.dumps(answer))


def _write(path: Path, text: str) -> None:
    """Write a file atomically, because this process may end at any moment."""
    path.with_suffix(".new").write_text(text, encoding="utf-8")
    path.with_suffix(".new").replace(path)


if __name__ == "__main__":
    main()
