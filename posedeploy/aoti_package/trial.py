"""Try a package in a child process: whether it can be loaded, run and unloaded, and what it computes.

Its code runs inside the process that loads it, so that a fault of it would end that process.
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
    """The packages with native code that this process has imported, the first first."""
    known = {"numpy", "cv2", *plugins.EXTRAS_OF_PACKAGE}
    return [name for name in sys.modules if name in known]


def _kind(failure: ChildFailedError, stage: Stage) -> Kind:
    if stage in BEFORE or failure.error_type in OF_THE_MACHINE:
        return "environment"
    kinds: dict[str, Kind] = {"crash": "crash", "time limit": "time limit", "error": "refusal"}
    return kinds[failure.kind]
