"""What run options mean on this machine: the threads that a device gets, the precision of a file."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from posedeploy.errors import DeviceError
from posedeploy.types import Artifact, RunOptions


def physical_cores(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """The machine's physical cores, at least 1, and no more than this process is given logical ones: by its
    affinity, or by the quota of its container (cgroup v2)."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if quota.is_file():
        time, period = quota.read_text(encoding="ascii").split()
        allowed = allowed if time == "max" else min(allowed, int(time) // int(period))
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


def check_precision(artifact: Artifact, options: RunOptions) -> str | None:
    """Refuse to run a file that was exported in a reduced precision in any other.

    Returns:
        The reduced precision of the file; None for one in FP32, or where it is not known.

    Raises:
        DeviceError: another precision was asked for than the file's.
    """
    if artifact.precision in ("fp32", "unknown"):
        return None
    if options.precision not in ("auto", artifact.precision):
        raise DeviceError(
            f"`precision={options.precision}`: {artifact.path.name} was exported in {artifact.precision}; "
            f"pass `precision={artifact.precision}` or auto, or export it again with another `precision`"
        )
    return artifact.precision


def threads_asked(options: RunOptions, runtime: str) -> int | None:
    """The thread count that the options ask for; None for a device other than the CPU, which takes none.

    Raises:
        DeviceError: it is less than 1, more than the machine's cores, or given for such a device.
    """
    if options.device != "cpu":
        if options.threads is not None:
            raise DeviceError(f"`threads={options.threads}`: {runtime} takes a thread count for the CPU only")
        return None
    threads = physical_cores() if options.threads is None else options.threads
    if threads < 1:
        raise DeviceError(f"`threads={threads}`: a thread count is at least 1")
    if threads > (logical_cores := os.cpu_count() or 1):
        raise DeviceError(
            f"`threads={threads}`: this machine has {logical_cores} logical cores; ask for no more"
        )
    return threads
