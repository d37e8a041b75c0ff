"""Try a package in a child process: whether it can be loaded, run and unloaded, and what it computes.

Its code runs inside the process that loads it, so that a fault of it would end that process.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from posedeploy import plugins, processes
from posedeploy.aoti_package.cpp_library import find_loaded_path
from posedeploy.errors import OutputError
from posedeploy.types import Array

SCRIPT = Path(__file__).with_name("trial_script.py")
OPTIONS = ("-P", "-u", "-W", "ignore", "-X", "utf8")
TIME_LIMIT_S = 120.0
"""Loading torch and running a pose network once takes seconds."""

Stage: TypeAlias = Literal["start", "device", "load", "run", "record", "unload", "exit"]
Kind: TypeAlias = Literal["crash", "time limit", "refusal", "environment"]

DOING: dict[Stage, str] = {
    "start": "torch is imported",
    "device": "the device is opened",
    "load": "it is loaded",
    "run": "it is run",
    "record": "it is recorded as a CUDA graph",
    "unload": "it is unloaded",
    "exit": "the process that ran it ends",
}
BEFORE: tuple[Stage, ...] = ("start", "device")
"""The stages before the package is touched."""

VERBS: dict[Kind, str] = {
    "crash": "crashes",
    "time limit": "hangs",
    "refusal": "fails",
    "environment": "cannot be checked: the child process that tries it fails",
}

OF_THE_MACHINE = ("OutOfMemoryError", "MemoryError", "OSError")
"""Errors that are not the package's doing, wherever they are raised."""


class TrialFailedError(Exception):
    """A package did not pass.

    kind: ``crash`` (a signal, or another sudden end), ``time limit``, ``refusal`` (torch raised an error at
    it), or ``environment`` (what failed is not the package's doing). stage: what was under way. signal: the
    number of the signal that ended the child. detail: torch's error, or the last line that was printed.
    """

    def __init__(self, kind: Kind, stage: Stage, detail: str, signal_number: int = 0) -> None:
        super().__init__(detail)
        self.kind = kind
        self.stage = stage
        self.detail = detail
        self.signal = signal_number

    @property
    def what(self) -> str:
        """What happened, as the rest of a sentence: ``crashes when it is run (SIGSEGV)``."""
        why = "; ".join(part for part in (signal_name(self.signal), self.detail) if part)
        return f"{VERBS[self.kind]} when {DOING[self.stage]} ({why})"


@dataclass(frozen=True)
class _Child:
    """How the child left its folder."""

    stage: Stage
    answer: dict[str, str] | None


def try_package(
    package: Path,
    device: str,
    inputs: Sequence[Sequence[Array]],
    time_limit_s: float = TIME_LIMIT_S,
    *,
    graph: bool = False,
) -> list[list[Array]]:
    """Load a package in a child process, and run it once on each set of inputs.

    The child first imports what this process has imported of packages with native code, in the same order,
    since the libraries that are loaded first serve the package too.

    Args:
        device: as torch has it: ``cpu``, ``cuda`` or ``cuda:1``.
        inputs: for each run, the arrays in the order of the network's inputs.
        graph: also record it as a CUDA graph and replay that.

    Returns:
        The outputs of each run, in the network's order.

    Raises:
        TrialFailedError: it crashes, fails or is not done in time, or the child cannot do its work.
        OutputError: the temporary folder cannot be written.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="posedeploy-aoti-") as folder:
            return _try_in(Path(folder), package, device, inputs, time_limit_s, graph)
    except OSError as error:
        raise OutputError(
            f"{tempfile.gettempdir()}: cannot write the files of the check of {package.name} here "
            f"({error.strerror or error}); name another folder in the environment variable TMPDIR"
        ) from error


def _try_in(
    work: Path,
    package: Path,
    device: str,
    inputs: Sequence[Sequence[Array]],
    time_limit_s: float,
    graph: bool,
) -> list[list[Array]]:
    for number, arrays in enumerate(inputs):
        for index, array in enumerate(arrays):
            np.save(work / f"input-{number}-{index}.npy", array)
    request = {
        "package": str(package.absolute()),
        "device": device,
        "inputs": [len(arrays) for arrays in inputs],
        "sys_path": [str(Path(entry or os.curdir).absolute()) for entry in sys.path],
        "preload": [str(path) for path in (find_loaded_path(),) if path],
        "imports": native_imports(),
        "graph": graph,
        "time_limit_s": time_limit_s,
    }
    if getattr(sys, "frozen", False):  # its executable is the program itself, not a Python
        raise TrialFailedError("environment", "start", "this program is frozen and has no Python to run")
    try:
        ended = processes.run(
            [sys.executable, *OPTIONS, SCRIPT],
            work,
            request=json.dumps(request).encode() + b"\n",
            time_limit_s=time_limit_s,
            # What a crash leaves of the loader's own files goes with the folder.
            variables={"TMPDIR": str(work)},
        )
    except processes.NotStartedError as error:
        raise TrialFailedError("environment", "start", str(error)) from error
    except processes.TimeLimitError as error:
        stage = _read(work).stage
        kind: Kind = "environment" if stage in BEFORE else "time limit"
        raise TrialFailedError(kind, stage, f"no end after {time_limit_s:g} s") from error
    _check(_read(work), ended)
    return [_outputs(work, number) for number in range(len(inputs))]


def native_imports() -> list[str]:
    """The packages with native code that this process has imported, the first first."""
    known = {"numpy", "cv2", *plugins.EXTRAS_OF_PACKAGE}
    return [name for name in sys.modules if name in known]


def _read(work: Path) -> _Child:
    stage, answer = work / "stage", work / "answer"
    return _Child(
        stage.read_text(encoding="utf-8") if stage.is_file() else "start",  # type: ignore[arg-type]
        json.loads(answer.read_text(encoding="utf-8")) if answer.is_file() else None,
    )


def _check(child: _Child, ended: processes.Ended) -> None:
    """Raise an error unless the child did all that it was to do, and ended well."""
    mine: Kind = "environment" if child.stage in BEFORE else "crash"
    if child.answer is None or ended.status != 0:
        status = f"exit status {ended.status}" if ended.status >= 0 else ""
        detail = processes.last_line(ended.log) or status
        raise TrialFailedError(mine, child.stage, detail, max(0, -ended.status))
    if child.answer["error"]:
        is_package = mine == "crash" and child.answer["error"] not in OF_THE_MACHINE
        kind: Kind = "refusal" if is_package else "environment"
        lines = child.answer["message"].splitlines() or [child.answer["error"]]
        raise TrialFailedError(kind, child.stage, lines[0])


def _outputs(work: Path, number: int) -> list[Array]:
    count = len(list(work.glob(f"output-{number}-*.npy")))
    return [np.load(work / f"output-{number}-{index}.npy") for index in range(count)]


def signal_name(number: int) -> str:
    """``SIGSEGV`` and such; empty for 0."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}" if number else ""
