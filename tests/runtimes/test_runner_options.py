"""The device, threads, precision and hint that a runner uses are those of its options."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import openvino
import psutil
import pytest
import torch

from posedeploy.backends import RUNTIMES
from posedeploy.errors import DeviceError
from posedeploy.runtimes import run_options
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.runtimes.onnxruntime import load_error
from posedeploy.runtimes.run_options import physical_cores, required_precision
from posedeploy.types import Artifact, Model, Precision, RunOptions
from tests.runtimes.runner_cases import ARTIFACT_PAIRS, PYTORCH, Opener, close_to, opener_of
from tests.support.networks import outputs_of, tiny_image


@pytest.mark.parametrize("threads", sorted({1, physical_cores()}))
def test_the_runtime_info_is_that_of_the_options(opener: Opener, threads: int) -> None:
    with opener(RunOptions(threads=threads)) as runner:
        assert runner.runtime_info.threads == threads
        assert runner.runtime_info.precision == "fp32"
        assert runner.runtime_info.device == "CPU"
        assert RUNTIMES[runner.runtime_info.runtime]
        assert runner.runtime_info.version[0].isdigit()


def test_the_default_thread_count_is_that_of_physical_cores(
    opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_options, "physical_cores", physical_cores)  # tests/conftest.py replaces it
    with opener(RunOptions()) as runner:
        assert runner.runtime_info.threads == physical_cores() <= (psutil.cpu_count() or 1)


@pytest.mark.parametrize("threads", [0, -2])
def test_a_thread_count_below_one_is_refused(opener: Opener, threads: int) -> None:
    with pytest.raises(DeviceError, match=f"`threads={threads}`: expected a thread count of at least 1"):
        opener(RunOptions(threads=threads))


def test_the_throughput_hint_runs_too(opener: Opener, tiny: Model) -> None:
    with opener(RunOptions(threads=1, hint="throughput")) as runner:
        assert close_to(runner.run(tiny_image()), outputs_of(tiny, tiny_image()))


@pytest.mark.parametrize("device", ["tpu", "GPU", "cuda.1", ""])
def test_an_unknown_device_is_refused(opener: Opener, device: str) -> None:
    with pytest.raises(
        DeviceError, match=rf"^`device={device}`: unknown device; expected cpu, cuda, intel-gpu, npu, auto$"
    ):
        opener(RunOptions(device=device))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_cuda_is_refused_without_a_gpu(opener: Opener) -> None:
    with pytest.raises(DeviceError, match=r"^`device=cuda`: "):
        opener(RunOptions(device="cuda"))


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_another_precision_is_used_or_refused(opener: Opener, precision: Precision) -> None:
    try:
        runner = opener(RunOptions(threads=1, precision=precision))
    except DeviceError as error:
        assert str(error).startswith(f"`precision={precision}`: ")
    else:
        with runner:
            assert runner.runtime_info.precision == precision


def test_an_unknown_precision_is_refused(opener: Opener) -> None:
    with pytest.raises(DeviceError, match=r"^`precision=f8`: "):
        opener(RunOptions(precision=cast("Precision", "f8")))


def test_an_automatic_precision_is_reported(opener: Opener) -> None:
    with opener(RunOptions(threads=1, precision="auto")) as runner:
        assert runner.runtime_info.precision in ("fp32", "fp16", "bf16")
        runner.run(tiny_image())


def test_openvino_reports_the_device_that_auto_chose(exported: dict[str, Artifact], tiny: Model) -> None:
    with open_runner(exported["openvino"], RunOptions(device="AUTO")) as runner:
        assert "CPU" in runner.runtime_info.device or set(openvino.Core().available_devices) != {"CPU"}
        assert close_to(runner.run(tiny_image()), outputs_of(tiny, tiny_image()))


@pytest.mark.parametrize(
    "runtime", [name for name, row in RUNTIMES.items() if {"cpu", "cuda"} <= set(row.devices)]
)
def test_threads_for_another_device_than_the_cpu_are_refused(
    tiny: Model, exported: dict[str, Artifact], runtime: str
) -> None:
    target = next((target for target, name in ARTIFACT_PAIRS if name == runtime), PYTORCH)
    opened = opener_of(target, runtime, tiny, exported)
    with pytest.raises(
        DeviceError, match=r"^`threads=2`: .* uses a thread count on the CPU only; remove it$"
    ):
        opened(RunOptions(device="cuda", threads=2))


def test_an_operator_that_the_device_lacks_is_refused(
    exported: dict[str, Artifact],
) -> None:
    text = (
        "nodes that are assigned to the default CPU EP, but fallback to CPU EP has been explicitly disabled"
    )
    error = load_error(exported["onnx"], "cuda", RuntimeError(text))
    assert isinstance(error, DeviceError)
    assert str(error).startswith("`device=cuda`: ") and str(error).endswith("use `device=cpu`")


@pytest.mark.parametrize(
    ("quota", "most"), [("max 100000", 10**6), ("150000 100000", 1), ("10000 100000", 1)]
)
def test_cores_are_limited_by_the_quota_of_the_container(tmp_path: Path, quota: str, most: int) -> None:
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert physical_cores(tmp_path / "cpu.max") == min(most, physical_cores(tmp_path / "none"))


@pytest.mark.parametrize(
    ("precision", "inference_precision", "required"),
    [
        ("fp32", None, "fp32"),
        ("int8", "fp32", "fp32"),
        ("mixed", "bf16", "bf16"),
        ("mixed", None, "auto"),
        ("some future precision", None, "auto"),
    ],
)
def test_every_recorded_precision_has_options_that_run_it(
    exported: dict[str, Artifact], precision: str, inference_precision: Precision | None, required: str
) -> None:
    artifact = replace(exported["openvino"], precision=precision, inference_precision=inference_precision)
    assert required_precision(artifact) == required
