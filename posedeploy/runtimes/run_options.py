"""Check run options against this machine and the artifact: threads and precision."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast, get_args

import psutil

from posedeploy.backends import target_named
from posedeploy.errors import DeviceError
from posedeploy.types import Artifact, Precision, RunOptions


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
    """Return the reduced precision of a file; None for FP32, or if it is unknown or left to the options.

    Raises:
        DeviceError: the file is in a reduced precision, and the options have another precision.
    """
    if artifact.inference_precision == "fp32":  # a quantized file
        _check(artifact, options, "fp32")
        return None
    if artifact.precision in ("fp32", "unknown", *target_named(artifact.target).free_precisions):
        return None
    _check(artifact, options, artifact.precision)
    return artifact.precision


def required_precision(artifact: Artifact) -> Precision:
    """Return the precision of an artifact for options that have none; ``fp32`` if it leaves it open."""
    if artifact.inference_precision is not None:
        return artifact.inference_precision
    free = ("fp32", "unknown", *target_named(artifact.target).free_precisions)
    if artifact.precision in free:
        return "fp32"
    return cast(Precision, artifact.precision) if artifact.precision in get_args(Precision) else "auto"


def recorded_precision(artifact: Artifact, options: RunOptions) -> Precision | None:
    """Return the precision that the manifest records for the float layers; None if it leaves it open.

    Raises:
        DeviceError: it records one, and the options have another precision.
    """
    recorded = artifact.inference_precision
    if recorded is not None:
        _check(artifact, options, recorded)
    return recorded


def _check(artifact: Artifact, options: RunOptions, precision: str) -> None:
    if options.precision not in (None, "auto", precision):
        raise DeviceError(
            f"`precision={options.precision}`: {artifact.path.name} was exported in {artifact.precision}; "
            f"use `precision={precision}` or auto, or export it again"
        )


def resolve_threads(options: RunOptions, runtime: str) -> int | None:
    """Return the thread count of the options; None for a device other than the CPU.

    Raises:
        DeviceError: it is greater than the number of logical cores, or set for another device.
    """
    if options.device != "cpu":
        if options.threads is not None:
            raise DeviceError(
                f"`threads={options.threads}`: {runtime} uses a thread count on the CPU only; remove it"
            )
        return None
    threads = physical_cores() if options.threads is None else options.threads
    if threads > (logical_cores := os.cpu_count() or 1):
        raise DeviceError(
            f"`threads={threads}`: this machine has {logical_cores} logical cores; use at most that"
        )
    return threads
