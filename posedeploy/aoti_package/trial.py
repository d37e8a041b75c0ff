"""Try a package in a child process: load it, run it and unload it, and return its outputs.

A package runs in the process that loads it, so a crash would end that process.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias, cast

from posedeploy import plugins
from posedeploy.aoti_package.cpp_library import find_loaded_path
from posedeploy.isolation.arrays import read_arrays, write_arrays
from posedeploy.isolation.tasks import ChildFailedError, run_task, signal_name, work_folder
from posedeploy.types import Array

TIME_LIMIT_S = 120.0
"""Loading torch and running a pose network once takes seconds."""

Stage: TypeAlias = Literal["start", "device", "load", "run", "capture", "unload", "exit"]
Kind: TypeAlias = Literal["crash", "time limit", "refusal", "environment"]

STAGE_CLAUSES: dict[Stage, str] = {
    "start": "torch is imported",
    "device": "the device is opened",
    "load": "it is loaded",
    "run": "it is run",
    "capture": "it is captured as a CUDA graph",
    "unload": "it is unloaded",
    "exit": "the process that ran it ends",
}
STAGES_BEFORE_LOADING: tuple[Stage, ...] = ("start", "device")
"""The stages that do not use the package."""

VERBS: dict[Kind, str] = {
    "crash": "crashes",
    "time limit": "hangs",
    "refusal": "fails",
    "environment": "cannot be checked: the child process that tries it fails",
}

MACHINE_ERRORS = ("OutOfMemoryError", "MemoryError", "OSError")
"""Exceptions that the package does not cause, at any stage."""


class TrialFailedError(Exception):
    """A package failed its trial.

    kind: ``crash`` (a signal, or another sudden end), ``time limit``, ``refusal`` (torch raised an
        exception), or ``environment`` (the package is not the cause). stage: where it failed. signal: the
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
        """The failure as a predicate: ``crashes when it is run (SIGSEGV)``."""
        reason = "; ".join(part for part in (signal_name(self.signal), self.detail) if part)
        return f"{VERBS[self.kind]} when {STAGE_CLAUSES[self.stage]} ({reason})"


def try_package(
    package: Path,
    device: str,
    inputs: Sequence[Sequence[Array]],
    time_limit_s: float = TIME_LIMIT_S,
    *,
    graph: bool = False,
) -> list[list[Array]]:
    """Load a package in a child process, and run it once on each set of inputs.

    The child first imports the same packages with native code as this process, in the same order, since the
    package uses the libraries that are loaded first.

    Args:
        device: in torch's notation: ``cpu``, ``cuda`` or ``cuda:1``.
        inputs: for each run, the arrays in the order of the network's inputs.
        graph: also capture it as a CUDA graph and replay the graph.

    Returns:
        The outputs of each run, in the network's order.

    Raises:
        TrialFailedError: it crashes, fails or exceeds the time limit, or the child process cannot run.
        OutputError: the temporary folder cannot be written.
    """
    with work_folder(f"the check of {package.name}") as work:
        write_arrays(work, "input", inputs)
        argument = {
            "package": str(package.absolute()), "device": device, "runs": len(inputs), "graph": graph,
        }  # fmt: skip
        library = find_loaded_path()
        try:
            run_task(
                "posedeploy.aoti_package.trial_run:run",
                argument,
                work,
                time_limit_s=time_limit_s,
                imports=native_imports(),
                preload=[library] if library else [],
            )
        except ChildFailedError as failure:
            stage = cast(Stage, failure.stage)
            raise TrialFailedError(_kind(failure, stage), stage, failure.detail, failure.signal) from failure
        return [read_arrays(work, "output", number) for number in range(len(inputs))]


def native_imports() -> list[str]:
    """Return the packages with native code that this process has imported, in order."""
    known = {"numpy", "cv2", *plugins.EXTRAS_OF_PACKAGE}
    return [name for name in sys.modules if name in known]


def _kind(failure: ChildFailedError, stage: Stage) -> Kind:
    if stage in STAGES_BEFORE_LOADING or failure.error_type in MACHINE_ERRORS:
        return "environment"
    kinds: dict[str, Kind] = {"crash": "crash", "time limit": "time limit", "error": "refusal"}
    return kinds[failure.kind]
