"""CUDA calls: errors without a GPU, and copies and graphs with one."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("cuda.bindings", reason="cuda-python is not installed")

from posedeploy.cuda import Cuda, gpu
from posedeploy.errors import DeviceError
from tests.support.tables import skip_with_gpu, skip_without_gpu


def test_no_gpu_is_a_one_line_error() -> None:
    skip_with_gpu()
    with pytest.raises(
        DeviceError, match=r"^`device=cuda`: CUDA finds no GPU on this machine \(cudaError\w+\); use a"
    ):
        gpu()


def test_the_error_of_a_call_has_the_name_of_its_status() -> None:
    skip_with_gpu()
    with Cuda() as cuda:
        for what, call in (
            (r"allocate 100 bytes on the GPU", lambda: cuda.allocate_on_device(100)),
            (r"pin 100 bytes", lambda: cuda.allocate_pinned(100)),
            (r"create a stream", lambda: cuda.stream),
            (r"create a stream", cuda.synchronize),
        ):
            with pytest.raises(
                DeviceError, match=rf"^`device=cuda`: CUDA cannot {what} on this machine \(cudaError\w+\)$"
            ):
                call()


def test_close_without_resources_does_nothing() -> None:
    cuda = Cuda()
    cuda.close()
    cuda.close()


@pytest.mark.gpu
def test_the_gpu_has_a_name_and_versions() -> None:
    skip_without_gpu()
    properties = gpu()
    assert properties.name
    assert all(
        part.isdecimal() for part in (*properties.capability.split("."), *properties.driver.split("."))
    )


@pytest.mark.gpu
def test_bytes_are_copied_both_ways_also_by_a_graph() -> None:
    skip_without_gpu()
    with Cuda() as cuda:
        address, sent, back = (
            cuda.allocate_on_device(1000),
            cuda.allocate_pinned(1000),
            cuda.allocate_pinned(1000),
        )

        def work() -> None:
            cuda.upload(address, sent)
            cuda.download(back, address)

        launch = cuda.capture(work)
        for value in (3, 5):
            sent[:] = value
            launch()
            cuda.synchronize()
            assert np.array_equal(back, sent)
