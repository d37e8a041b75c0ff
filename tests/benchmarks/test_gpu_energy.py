"""The energy counter of a GPU: with stand-ins for CUDA and NVML, and with both on a machine with a GPU."""

from __future__ import annotations

import pytest

from tests.support.tables import skip_with_gpu, skip_without_gpu

pytest.importorskip("cuda.bindings", reason="cuda-python is not installed")
pytest.importorskip("pynvml", reason="nvidia-ml-py is not installed")

import pynvml
from cuda.bindings import runtime

from posedeploy.benchmarks.footprint import energy_per_run
from posedeploy.benchmarks.gpu_energy import gpu_energy_counters
from posedeploy.cuda import Cuda


class CudaWithGpu:
    """CUDA's runtime on a machine with a GPU."""

    def cudaDeviceGetPCIBusId(self, length: int, device: int) -> tuple[runtime.cudaError_t, bytes]:
        return runtime.cudaError_t.cudaSuccess, b"0000:65:00.0".ljust(length, b"\0")


class NvmlWithGpu:
    """NVML with one GPU, which uses 250 mJ between two readings."""

    energy_mj = 0

    def nvmlInit(self) -> None:
        pass

    def nvmlDeviceGetHandleByPciBusId(self, bus_id: bytes) -> bytes:
        if bus_id != b"0000:65:00.0":
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return bus_id

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: bytes) -> int:
        self.energy_mj += 250
        return self.energy_mj


class NvmlWithoutCounter(NvmlWithGpu):
    """NVML with a GPU that has no counter."""

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: bytes) -> int:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)


class NvmlWithoutDriver(NvmlWithGpu):
    """NVML without its library."""

    def nvmlInit(self) -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)


def test_the_energy_of_a_run_on_a_gpu_is_in_joules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posedeploy.benchmarks.footprint.MIN_SECONDS", 0.0)
    monkeypatch.setattr("posedeploy.benchmarks.footprint.MIN_RUNS", 5)
    counters = gpu_energy_counters(Cuda(CudaWithGpu()), NvmlWithGpu())
    assert energy_per_run(lambda: None, counters) == {"GPU": pytest.approx(0.05)}


@pytest.mark.parametrize("nvml", [NvmlWithoutCounter(), NvmlWithoutDriver()])
def test_a_gpu_without_a_readable_counter_has_none(nvml: NvmlWithGpu) -> None:
    assert gpu_energy_counters(Cuda(CudaWithGpu()), nvml) == []


def test_a_machine_without_a_gpu_has_no_counter() -> None:
    skip_with_gpu()
    assert gpu_energy_counters() == []


@pytest.mark.gpu
def test_a_gpu_uses_energy() -> None:
    skip_without_gpu()
    for counter in gpu_energy_counters():
        assert counter.read_uj() > 0
