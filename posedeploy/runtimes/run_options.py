"""Check run options against this machine and the artifact: threads and precision."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from posedeploy.errors import DeviceError
from posedeploy.types import Artifact, RunOptions


def physical_cores(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Return the number of physical cores, at least 1, and at most the logical cores of this process.

    Those are limited by its affinity and by the quota of its container (cgroup v2).
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if quota.is_file():
        time, period = quota.read_text(encoding="ascii").split()
        allowed = allowed if time == "max" else min(allowed, int(time) // int(period))
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


def check_precision(artifact: Artifact, options: RunOptions) -> str | None:
    """Return the reduced precision of a file; None for FP32, or if it is unknown.

    Raises:
        DeviceError: the file is in a reduced precision, and the options have another precision.
    """
    if artifact.precision in ("fp32", "unknown"):
        return None
    if options.precision not in ("auto", artifact.precision):
        raise DeviceError(
            f"`precision={options.precision}`: {artifact.path.name} was exported in {artifact.precision}; "
            f"use `precision={artifact.precision}` or auto, or export it again"
        )
    return artifact.precision


def resolve_threads(options: RunOptions, runtime: str) -> int | None:
    """Return the thread count of the options; None for a device other than the CPU.

    Raises:
        DeviceError: it is less than 1, greater than the number of logical cores, or set for another device.
    """
    if options.device != "cpu":
        if options.threads is not None:
            raise DeviceError(
                f"`threads={options.threads}`: {runtime} uses a thread count on the CPU only; remove it"
            )
        return None
    threads = physical_cores() if options.threads is None else options.threads
    if threads < 1:
        raise DeviceError(f"`threads={threads}`: expected a thread count of at least 1")
    if threads > (logical_cores := os.cpu_count() or 1):
        raise DeviceError(
            f"`threads={threads}`: this machine has {logical_cores} logical cores; use at most that"
        )
    return threads
