"""The machine that a measurement ran on."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

import posedeploy
from posedeploy.runtimes.run_options import physical_cores


@dataclass(frozen=True)
class Machine:
    """Processor, cores of this process, clock governor (None if unknown), system and packages."""

    cpu: str
    physical_cores: int
    logical_cores: int
    governor: str | None
    memory_bytes: int
    system: str
    python: str
    load: float
    packages: Mapping[str, str]

    def __str__(self) -> str:
        governor = f"governor {self.governor}" if self.governor else "governor unknown"
        return f"{self.cpu}, {self.physical_cores} cores, {governor}, {self.system}, Python {self.python}"


def describe_machine() -> Machine:
    """Return the machine and its current load."""
    governor = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    return Machine(
        cpu=_cpu_name(),
        physical_cores=physical_cores(),
        logical_cores=os.cpu_count() or 1,
        governor=governor.read_text().strip() if governor.is_file() else None,
        memory_bytes=psutil.virtual_memory().total,
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        load=psutil.getloadavg()[0],
        packages={"posedeploy": posedeploy.__version__, "numpy": np.__version__},
    )


def _cpu_name() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
