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
from posedeploy import plugins
from posedeploy.errors import DeviceError, MissingPackageError
from posedeploy.runtimes.run_options import physical_cores


@dataclass(frozen=True)
class Machine:
    """Processor, cores of this process, clock governor (None if unknown), system and packages.

    gpu: the name of the GPU, if the measurement ran on one and its name is known.
    """

    cpu: str
    physical_cores: int
    logical_cores: int
    governor: str | None
    memory_bytes: int
    system: str
    python: str
    load: float
    packages: Mapping[str, str]
    gpu: str = ""

    def __str__(self) -> str:
        governor = f"governor {self.governor}" if self.governor else "governor unknown"
        parts = (
            self.cpu,
            f"{self.physical_cores} cores",
            governor,
            self.gpu,
            self.system,
            f"Python {self.python}",
        )
        return ", ".join(filter(None, parts))


def describe_machine(device: str = "cpu") -> Machine:
    """Return the machine and its current load.

    Args:
        device: the device of the measurement, as in ``RunOptions``.
    """
    governor = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    return Machine(
        cpu=cpu_name(),
        physical_cores=physical_cores(),
        logical_cores=os.cpu_count() or 1,
        governor=governor.read_text().strip() if governor.is_file() else None,
        memory_bytes=psutil.virtual_memory().total,
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        load=psutil.getloadavg()[0],
        packages={"posedeploy": posedeploy.__version__, "numpy": np.__version__},
        gpu=_gpu_name() if device.lower() == "cuda" else "",
    )


def _gpu_name() -> str:
    """Return the name of the GPU that runners use; '' if CUDA or its package is missing."""
    try:
        name: str = plugins.load("posedeploy.cuda:Cuda")().gpu().name
    except (DeviceError, MissingPackageError):
        return ""
    return name


def cpu_name(information: Path = Path("/proc/cpuinfo"), board: Path = Path("/proc/device-tree/model")) -> str:
    """Return the name of the processor.

    Linux has none for ARM. There, return the board, if known, with the implementer and part of each kind of
    core: ``Raspberry Pi 5 Model B Rev 1.0, ARM 0x41 0xd0b``.
    """
    lines = information.read_text(errors="replace").splitlines() if information.is_file() else []
    fields = [(key.strip(), value.strip()) for key, _, value in (line.partition(":") for line in lines)]
    for key, value in fields:
        if key == "model name":
            return value
    implementers = [value for key, value in fields if key == "CPU implementer"]
    parts = [value for key, value in fields if key == "CPU part"]
    cores = dict.fromkeys(
        f"ARM {implementer} {part}" for implementer, part in zip(implementers, parts, strict=False)
    )
    model = board.read_text(errors="replace").strip("\0\n ") if board.is_file() else ""
    return ", ".join(filter(None, (model, *cores))) or platform.processor() or platform.machine()
