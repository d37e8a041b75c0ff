"""The energy counter of the first NVIDIA GPU, read through NVML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pynvml

from posedeploy.cuda import Cuda
from posedeploy.errors import DeviceError


@dataclass(frozen=True)
class GpuEnergyCounter:
    """The energy of a GPU since its driver was loaded, other processes included."""

    name: str
    handle: Any
    nvml: Any

    def read_uj(self) -> int:
        """Return the counter, in microjoules."""
        return 1000 * int(self.nvml.nvmlDeviceGetTotalEnergyConsumption(self.handle))

    def joules_between(self, start_uj: int, end_uj: int) -> float:
        """Return the energy between two readings."""
        return (end_uj - start_uj) / 1e6


def gpu_energy_counters(cuda: Cuda | None = None, nvml: Any = pynvml) -> list[GpuEnergyCounter]:
    """Return the counter of the first visible GPU, which runners use; empty if it has none.

    GPUs older than Volta and some virtual GPUs have no counter.

    Args:
        nvml: an object with the functions of nvidia-ml-py.
    """
    try:
        nvml.nvmlInit()
        handle = nvml.nvmlDeviceGetHandleByPciBusId((cuda or Cuda()).bus_id())
        counter = GpuEnergyCounter("GPU", handle, nvml)
        counter.read_uj()
    except (DeviceError, pynvml.NVMLError):
        return []
    return [counter]
