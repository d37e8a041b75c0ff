"""The script of the child process that loads a package and runs it, so that a crash ends no other process.

``python -P -u -X utf8 trial_script.py`` reads a request, one line of JSON, from standard input. It works in
the folder it is started in: ``input-RUN-INDEX.npy`` are the arrays of each run, ``output-RUN-INDEX.npy``
become the results, ``stage`` names what it is about to do, and ``answer`` is written at the end, or at the
first exception. A process that ends without an answer crashed at that stage.
"""

from __future__ import annotations

import ctypes
import faulthandler
import json
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

STAGE, ANSWER = Path("stage"), Path("answer")


def main() -> None:
    """Do what the request asks."""
    request = json.loads(sys.stdin.buffer.readline())
    _limit_resources(request["time_limit_s"])
    sys.path[:] = request["sys_path"]  # the same packages as in the process that asks
    for library in request["preload"]:
        ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
    _enter("start")
    try:
        with _silent():
            for name in request["imports"]:
                import_module(name)
            trial_run = import_module("posedeploy.aoti_package.trial_run")
        _leave_crashes_alone()
        trial_run.run(request, _enter)
    except Exception as error:
        traceback.print_exc()
        _answer(type(error).__name__, str(error))
        return
    _answer("", "")
    _enter("exit")


def _limit_resources(time_limit_s: float) -> None:
    """End this process by itself where the one that asks is killed, and write no core dump."""
    if sys.platform != "win32":
        import resource

        signal.alarm(int(time_limit_s) + 10)  # the system ends the process then, whatever it is busy with
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _leave_crashes_alone() -> None:
    """Undo what packages do about crashes, such as printing a stack: the signal itself is reported."""
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
    STAGE.write_text(stage, encoding="utf-8")


def _answer(kind: str, message: str) -> None:
    answer: dict[str, Any] = {"error": kind, "message": message.strip()}
    ANSWER.write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main()
