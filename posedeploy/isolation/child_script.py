"""The script of a child process that runs one task, so that a crash ends no other process.

``python -P -u -X utf8 child_script.py`` reads a request, one line of JSON, from standard input. It runs in a
folder of its own: ``stage`` names the step that is under way, and ``answer`` is written when the task returns
or raises. A process that ends without an answer crashed at that stage.
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
FIRST_VICTIM = "1000"
"""The highest score of Linux's out-of-memory killer: where memory runs out, it ends this process first."""


def main() -> None:
    """Run the task that the request names."""
    request = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _limit_resources(request["time_limit_s"], request["memory_limit"])
    sys.path[:] = request["sys_path"]  # the same packages as in the parent process
    for library in request["preload"]:
        ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
    _enter("start")
    try:
        task = _import_task(request)
        _restore_signals()
        result = task(request["argument"], _enter)
    except Exception as error:
        _lift_memory_limit()  # else there may be too little to report the error
        traceback.print_exc()
        _answer({"error": type(error).__name__, "message": str(error).strip(), "is_ours": _is_ours(error)})
        return
    _answer({"error": "", "result": result})
    _enter("exit")


def _end_with_parent() -> None:
    """End this process and what it started as soon as its parent ends, which closes the pipe."""
    while os.read(0, 1):  # not sys.stdin, whose lock would be held when the interpreter ends
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


def _limit_resources(time_limit_s: float, memory_limit: int | None) -> None:
    """End this process even where its parent was killed, write no core dump, and take no more memory."""
    if sys.platform != "win32":
        import resource

        signal.alarm(int(time_limit_s) + 10)  # the system ends the process then, whatever it is busy with
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if memory_limit is not None:
            _, hard = resource.getrlimit(resource.RLIMIT_DATA)
            lower = memory_limit if hard == resource.RLIM_INFINITY else min(memory_limit, hard)
            resource.setrlimit(resource.RLIMIT_DATA, (lower, hard))
    with suppress(OSError):  # Linux only
        Path("/proc/self/oom_score_adj").write_text(FIRST_VICTIM, encoding="ascii")


def _lift_memory_limit() -> None:
    if sys.platform != "win32":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def _restore_signals() -> None:
    """Undo what packages do about crashes, such as printing a stack: the parent reports the signal itself."""
    faulthandler.disable()
    for name in ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)


@contextmanager
def _silent() -> Iterator[None]:
    """Discard what packages print as they are imported: the last line of the log is that of a crash."""
    kept = [(number, os.dup(number)) for number in (1, 2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for number, _ in kept:
            os.dup2(nowhere, number)
        yield
    finally:
        for number, copy in kept:
            os.dup2(copy, number)
            os.close(copy)
        os.close(nowhere)


def _enter(stage: str) -> None:
    _write(STAGE, stage)


def _answer(answer: Mapping[str, Any]) -> None:
    _write(ANSWER, json.dumps(answer))


def _write(path: Path, text: str) -> None:
    """Write a file whole: this process may end at any moment."""
    path.with_suffix(".new").write_text(text, encoding="utf-8")
    path.with_suffix(".new").replace(path)


if __name__ == "__main__":
    main()
