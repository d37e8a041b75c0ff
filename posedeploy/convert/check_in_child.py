"""Run a newly converted network in a child process, since a runtime may crash on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from posedeploy.errors import ExportError
from posedeploy.isolation.arrays import write_arrays
from posedeploy.isolation.messages import OUT_OF_MEMORY, describe_failure, memory_hint
from posedeploy.isolation.tasks import ChildFailedError, run_task, signal_name
from posedeploy.types import Array

TIME_LIMIT_S = 600.0
"""The limit for one run at each size, which takes seconds."""
REMEDY = "choose another target, or install another version of {package}"


def check_in_child(
    task: str,
    argument: Mapping[str, Any],
    work: Path,
    runs: Sequence[Sequence[Array]],
    runtime: tuple[str, str],
    time_limit_s: float = TIME_LIMIT_S,
) -> Any:
    """Return the result of a task that runs a converted network and writes its outputs as files.

    Args:
        work: an empty folder for the child; the arrays of ``runs`` are written to it as ``input``.
        runtime: its name and its package, for the message.

    Raises:
        ExportError: the runtime crashes on the network, or exceeds the time limit.
    """
    write_arrays(work, "input", runs)
    try:
        return run_task(task, argument, work, time_limit_s=time_limit_s)
    except ChildFailedError as failure:
        if failure.kind == "error" and not failure.is_out_of_memory:
            raise  # a bug
        name, package = runtime
        remedy = REMEDY.format(package=package)
        if signal_name(failure.signal) == "SIGKILL":
            remedy = OUT_OF_MEMORY
        elif failure.is_out_of_memory or failure.kind == "not started":
            remedy = memory_hint(failure)
        raise ExportError(
            f"the converted network cannot be checked: {name} {describe_failure(failure)} when it loaded or "
            f"ran it; {remedy}"
        ) from failure
