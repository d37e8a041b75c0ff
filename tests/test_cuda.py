"""CUDA itself: what it says where there is no GPU, and what it does where there is one."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("cuda.bindings", reason="cuda-python is not installed")

from posedeploy.cuda import Cuda, gpu
from posedeploy.errors import DeviceError
from tests.support.tables import gpu_here


def test_no_gpu_is_one_sentence() -> None:
    gpu_here(wanted=False)
    with pytest.raises(
        DeviceError, match=r"^`device=cuda`: CUDA finds no GPU here \(cudaError\w+\); this needs one"
    ):
        gpu()


def test_what_cuda_refuses_has_the_name_of_its_error() -> None:
    gpu_here(wanted=False)
    with Cuda() as cuda:
        for what, call in (
            (r"take 100 bytes on the GPU", lambda: cuda.device_memory(100)),
            (r"pin 100 bytes", lambda: cuda.host_memory(100)),
            (r"make a stream", lambda: cuda.stream),
            (r"make a stream", cuda.synchronize),
        ):
            with pytest.raises(
                DeviceError, match=rf"^`device=cuda`: CUDA cannot {what} here \(cudaError\w+\)$"
            ):
                call()


def test_closing_what_holds_nothing_does_nothing() -> None:
    cuda = Cuda()
    cuda.close()
    cuda.close()


@pytest.mark.gpu
def test_the_gpu_says_what_it_is() -> None:
    gpu_here()
    found = gpu()
    assert found.name
    assert all(part.isdecimal() for part in (*found.capability.split("."), *found.driver.split(".")))


@pytest.mark.gpu
def test_bytes_go_there_and_back_by_a_graph_too() -> None:
    gpu_here()
    with Cuda() as cuda:
        address, sent, back = cuda.device_memory(1000), cuda.host_memory(1000), cuda.host_memory(1000)

        def work() -> None:
            cuda.upload(address, sent)
            cuda.download(back, address)

        launch = cuda.record(work)
        for value in (3, 5):
            sent[:] = value
            launch()
            cuda.synchronize()
            assert np.array_equal(back, sent)
