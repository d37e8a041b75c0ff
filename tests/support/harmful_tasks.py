"""Tasks that crash, hang or fail, for tests of child processes."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from posedeploy.errors import ArtifactError

Enter: TypeAlias = Callable[[str], None]


def segfault(argument: Mapping[str, Any], enter: Enter) -> None:
    """Read from address 0."""
    enter("load")
    ctypes.string_at(0)


def abort(argument: Mapping[str, Any], enter: Enter) -> None:
    """End as C++ does on an exception that nothing catches."""
    enter("load")
    os.write(2, b"terminate called after throwing\n  what():  \xff\x1b[31mno tensor\x1b[0m\n")
    os.abort()


def kill(argument: Mapping[str, Any], enter: Enter) -> None:
    """End as the out-of-memory killer ends a process."""
    enter("load")
    os.kill(os.getpid(), signal.SIGKILL)


def leave(argument: Mapping[str, Any], enter: Enter) -> None:
    """Exit without a result."""
    enter("load")
    os._exit(argument.get("status", 0))


def crash_at_exit(argument: Mapping[str, Any], enter: Enter) -> str:
    """Return a result, then crash while the interpreter shuts down."""
    enter("load")
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    sys.modules["crash"] = _CrashesWhenFreed()  # type: ignore[assignment]
    return "a result"


class _CrashesWhenFreed:
    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)


def hang(argument: Mapping[str, Any], enter: Enter) -> None:
    """Start a process in a new session, or with ``group`` in this group, write both PIDs to a file and
    hang."""
    enter("load")
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    sleeper = subprocess.Popen(command, start_new_session="group" not in argument)
    if "pids" in argument:
        Path("pids.new").write_text(f"{os.getpid()} {sleeper.pid}")
        Path("pids.new").replace(argument["pids"])
    time.sleep(600)


def take_memory(argument: Mapping[str, Any], enter: Enter) -> None:
    """Allocate memory until that fails."""
    enter("load")
    blocks = []
    while True:
        blocks.append(b"x" * (64 << 20))


def refuse(argument: Mapping[str, Any], enter: Enter) -> None:
    """Raise an error of posedeploy."""
    raise ArtifactError("human.onnx: ONNX Runtime cannot load it (no such operator)")


def fail(argument: Mapping[str, Any], enter: Enter) -> None:
    """Raise an exception that is not one of posedeploy."""
    enter("load")
    raise KeyError("a bug\nof two lines")


def echo(argument: Mapping[str, Any], enter: Enter) -> Any:
    """Return the argument."""
    return argument
