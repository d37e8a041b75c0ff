"""Counters of a fuzzing process, in a memory-mapped file so that they survive a crash."""

from __future__ import annotations

import mmap
import struct
from dataclasses import astuple, dataclass
from pathlib import Path

_FORMAT = "<QQQQQdd"


@dataclass
class Tally:
    """The outcomes of a target's inputs.

    tracebacks: exceptions other than ``PoseDeployError``, and messages that are not one printable line.
    memory: inputs that exceeded the memory limit of the target. peak_mib: the largest growth of the process.
    """

    inputs: int = 0
    values: int = 0
    refusals: int = 0
    tracebacks: int = 0
    memory: int = 0
    peak_mib: float = 0.0
    slowest_s: float = 0.0

    def write(self, file: mmap.mmap) -> None:
        """Store the counters."""
        struct.pack_into(_FORMAT, file, 0, *astuple(self))

    def add(self, other: Tally) -> None:
        """Add the counters of another process of the same target."""
        self.inputs += other.inputs
        self.values += other.values
        self.refusals += other.refusals
        self.tracebacks += other.tracebacks
        self.memory += other.memory
        self.peak_mib = max(self.peak_mib, other.peak_mib)
        self.slowest_s = max(self.slowest_s, other.slowest_s)


def create(path: Path) -> None:
    """Create a file of counters with the value 0."""
    path.write_bytes(bytes(struct.calcsize(_FORMAT)))


def map_file(path: Path) -> mmap.mmap:
    """Map the file of counters into memory, for ``Tally.write``."""
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), 0)


def read(path: Path) -> Tally:
    """Return the counters of a file."""
    return Tally(*struct.unpack(_FORMAT, path.read_bytes()))
