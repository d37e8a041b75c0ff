"""What every runtime offers: one required method, host arrays in, host arrays out."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from posedeploy.closable import Closable
from posedeploy.errors import DeviceError, InputError
from posedeploy.types import Artifact, Effective, Ranges, RunOptions, Tensors, TensorSpec


class Runner(Closable, ABC):
    """A network that is loaded and ready to run. Use it as a context manager, or call ``close``.

    inputs, outputs: the tensors as the runtime has them. effective: what is really in use, as read back.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    effective: Effective

    @property
    def ranges(self) -> Ranges:
        """The smallest and the largest shape of each input, where free axes have limits; else nothing."""
        return {}

    @abstractmethod
    def run(self, tensors: Tensors) -> Tensors:
        """Run once; returns when the device is done. The arrays returned are the caller's to keep.

        One call at a time: neither a second ``run`` nor a ``stream`` may be under way on the same runner.

        Raises:
            InputError: a tensor is missing, unknown, or of another shape or dtype than ``inputs`` says.
        """

    def stream(self, batches: Iterable[Tensors]) -> Iterator[Tensors]:
        """Results in order, the next input being run while the caller works on the last result.

        An array given in is left as it is until its own result is out.
        """
        with ThreadPoolExecutor(1) as pool:
            ahead = None
            for batch in batches:
                following = pool.submit(self.run, batch)
                if ahead is not None:
                    yield ahead.result()
                ahead = following
            if ahead is not None:
                yield ahead.result()

    def check(self, tensors: Tensors) -> None:
        """Refuse inputs that do not fit, in a few microseconds."""
        if len(tensors) != len(self.inputs):
            raise InputError(_mismatch(tensors, self.inputs))
        for spec in self.inputs:
            array = tensors.get(spec.name)
            if array is None or array.dtype.name != spec.dtype or not spec.accepts(array.shape):
                raise InputError(_mismatch(tensors, self.inputs))


def _mismatch(tensors: Tensors, wanted: tuple[TensorSpec, ...]) -> str:
    got = ", ".join(f"{name} {a.dtype.name} {'x'.join(map(str, a.shape))}" for name, a in tensors.items())
    return f"these inputs do not fit the network: got {got or 'none'}; wanted {', '.join(map(str, wanted))}"


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
    if options.device != "CPU":
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
