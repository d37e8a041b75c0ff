"""The runtimes for both cpu and cuda: errors without a GPU, and equal results with one."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime
import pytest
import torch
from onnxruntime.capi import onnxruntime_pybind11_state as native
from torch import Tensor, nn

from posedeploy import plugins
from posedeploy.backends import RUNTIMES, TARGETS
from posedeploy.convert.export import export
from posedeploy.convert.export_options import AotiOptions, ExportOptions, ExportPrecision
from posedeploy.errors import ArtifactError, DeviceError
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.runtimes.onnxruntime import PROVIDERS, load_error, preload
from posedeploy.types import Array, Artifact, Model, ModelSpec, RunOptions, Tensors, TensorSpec
from tests.support.networks import outputs_of, tiny_image

PAIRS = [("pytorch", "pytorch"), ("torchscript", "torchscript"), ("onnx", "onnxruntime")]
OF_TORCH = r"^`device=cuda`: torch \S+ finds no CUDA device; use `device=cpu`, or install a CUDA build"
OF_ORT = r"^`device=cuda`: this ONNX Runtime supports cpu; pip uninstall onnxruntime, then pip install 'pose"
WITHOUT = {"pytorch": OF_TORCH, "torchscript": OF_TORCH, "onnxruntime": OF_ORT}
OFF_BY = {"tf32": (1e-6, 3e-3), "fp16": (1e-6, 3e-3), "bf16": (1e-5, 3e-2)}
"""The minimum and maximum difference of an output, as a fraction of its largest value."""
GRAPHED = {"pytorch": "per input shape, from its second run", "torchscript": "yes", "onnx": "yes"}
THERE = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")


@pytest.fixture(scope="module")
def exported(tiny: Model, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    """Export the tiny network for these runtimes; do not change the files."""
    artifacts = export(tiny, ["torchscript", "onnx"], tmp_path_factory.mktemp("exported"), "tiny")
    return {artifact.target: artifact for artifact in artifacts}


def _open(pair: tuple[str, str], tiny: Model, exported: dict[str, Artifact], options: RunOptions) -> Runner:
    target, runtime = pair
    if target == "pytorch":
        runner: Runner = plugins.load(RUNTIMES["pytorch"].runner)(tiny, options)
        return runner
    return open_runner(exported[target], options, runtime)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
@pytest.mark.parametrize("pair", PAIRS, ids="-on-".join)
def test_the_error_without_a_gpu_names_the_remedy(
    pair: tuple[str, str], tiny: Model, exported: dict[str, Artifact]
) -> None:
    with pytest.raises(DeviceError, match=WITHOUT[pair[1]]):
        _open(pair, tiny, exported, RunOptions("cuda"))


NOISE = "\033[33mFailed to load libcublas.so.13: no such file\033[0m\nPlease follow https://onnxruntime.ai\n"


@pytest.fixture
def cuda_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make ONNX Runtime behave like onnxruntime-gpu without its CUDA libraries."""
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: sys.stdout.write(NOISE))
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: list(PROVIDERS.values()))


@pytest.mark.filterwarnings("ignore:Specified provider 'CUDAExecutionProvider':UserWarning")
def test_the_error_of_onnx_runtime_has_the_reason_and_nothing_is_printed(
    cuda_build: None, exported: dict[str, Artifact], capsys: pytest.CaptureFixture[str]
) -> None:
    message = (
        r"^`device=cuda`: .*`device=cpu` \(message of ONNX Runtime: Failed to load libcublas\.so\.13: no such"
    )
    with pytest.raises(DeviceError, match=message):
        open_runner(exported["onnx"], RunOptions("cuda"), "onnxruntime")
    assert capsys.readouterr() == ("", "")


def test_onnx_runtime_preloads_libraries_only_for_cuda(
    monkeypatch: pytest.MonkeyPatch, exported: dict[str, Artifact]
) -> None:
    def unasked() -> None:
        raise AssertionError("not asked for")

    monkeypatch.setattr(onnxruntime, "preload_dlls", unasked)
    open_runner(exported["onnx"], RunOptions(), "onnxruntime").close()
    monkeypatch.delattr(onnxruntime, "preload_dlls")
    assert preload() == "", "a build of before 1.21"


def test_an_unusable_gpu_is_not_reported_as_a_damaged_file(exported: dict[str, Artifact]) -> None:
    error = RuntimeError("CUDA failure 35: CUDA driver version is insufficient\nmore")
    refused = load_error(exported["onnx"], "cuda", error, " (it says: x)")
    assert isinstance(refused, DeviceError)
    assert str(refused) == (
        "`device=cuda`: ONNX Runtime cannot use it (CUDA failure 35: CUDA driver version is insufficient) "
        "(it says: x)"
    )


@pytest.mark.parametrize("kind", [native.Fail, native.RuntimeException, native.EPFail])
def test_a_failed_run_is_an_error_of_the_gpu_or_of_the_file(
    exported: dict[str, Artifact], monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    class Full:
        """A session on a GPU without free memory."""

        def run(self, names: list[str], tensors: Tensors) -> list[Array]:
            raise kind("CUDA failure 2: out of memory")

    with open_runner(exported["onnx"], RunOptions(), "onnxruntime") as runner:
        monkeypatch.setattr(runner, "_session", Full())
        message = r"tiny\.onnx: ONNX Runtime cannot run it .*\(CUDA failure 2: out of memory\)"
        with pytest.raises(ArtifactError, match=message):
            runner.run(tiny_image(0))
        monkeypatch.setattr(runner, "_device", "cuda")
        with pytest.raises(DeviceError, match=r"`device=cuda`: .* failed \(CUDA failure 2: out of memory\)"):
            runner.run(tiny_image(0))


@THERE
@pytest.mark.gpu
@pytest.mark.parametrize("graphs", [True, False])
@pytest.mark.parametrize("pair", PAIRS, ids="-on-".join)
def test_a_gpu_equals_the_cpu_in_fp32(
    pair: tuple[str, str], graphs: bool, tiny: Model, exported: dict[str, Artifact]
) -> None:
    with (
        _open(pair, tiny, exported, RunOptions("cuda", cuda_graphs=graphs)) as there,
        _open(pair, tiny, exported, RunOptions(threads=1)) as here,
    ):
        assert (there.runtime_info.precision, there.runtime_info.threads) == ("fp32", None)
        assert there.runtime_info.details["CUDA graph"] == (GRAPHED[pair[0]] if graphs else "no")
        kept = there.run(tiny_image(0))
        copies = {name: array.copy() for name, array in kept.items()}
        for seed in (1, 2, 0):
            found, wanted = there.run(tiny_image(seed)), here.run(tiny_image(seed))
            for name, array in wanted.items():
                assert np.abs(found[name] - array).max() < 1e-5 * np.abs(array).max(), "TF32 is off by 1e-3"
        assert all(np.array_equal(kept[name], copies[name]) for name in kept)


@THERE
@pytest.mark.gpu
@pytest.mark.parametrize("precision", OFF_BY)
@pytest.mark.parametrize("pair", PAIRS, ids="-on-".join)
def test_a_gpu_computes_in_the_requested_precision(
    pair: tuple[str, str], precision: ExportPrecision | Literal["tf32"], tiny: Model, tmp_path: Path
) -> None:
    target, _ = pair
    exported = {}
    if target != "pytorch":
        if precision not in (*TARGETS[target].precisions, "tf32"):
            pytest.skip(f"{target} has no {precision}")
        options = ExportOptions(precision="fp32" if precision == "tf32" else precision)
        exported = {target: export(tiny, [target], tmp_path, "tiny", options)[0]}
    low, high = OFF_BY[precision]
    with _open(pair, tiny, exported, RunOptions("cuda", precision)) as runner:
        assert runner.runtime_info.precision == precision
        for seed in (0, 1, 2):
            found, wanted = runner.run(tiny_image(seed)), outputs_of(tiny, tiny_image(seed))
            off = [np.abs(found[name] - array).max() / np.abs(array).max() for name, array in wanted.items()]
            assert low < max(off) < high


@THERE
@pytest.mark.gpu
def test_onnx_runtime_runs_dynamic_axes_on_a_gpu_and_prints_nothing(
    tiny: Model, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (artifact,) = export(tiny, ["onnx"], tmp_path, "tiny", ExportOptions(dynamic=True))
    capfd.readouterr()
    with open_runner(artifact, RunOptions("cuda")) as runner:
        for shape in ((1, 3, 32, 40), (2, 3, 16, 64)):
            image = {"data": np.random.RandomState(0).standard_normal(shape).astype(np.float32)}
            found = runner.run(image)
            for name, array in outputs_of(tiny, image).items():
                assert np.abs(found[name] - array).max() < 1e-5 * np.abs(array).max()
    assert capfd.readouterr() == ("", "")


class Branching(nn.Module):
    """A network that reads a value back from the GPU, which cannot be captured."""

    def forward(self, data: Tensor) -> Tensor:
        return data * 2 if data.sum().item() > 0 else data * 3


@THERE
@pytest.mark.gpu
def test_a_network_that_cannot_be_recorded_runs_and_the_reason_is_reported() -> None:
    spec = TensorSpec("data", (4,))
    model = Model(Branching().eval(), ModelSpec("x", "", (spec,), (replace(spec, name="out"),)), None, "")
    with plugins.load(RUNTIMES["pytorch"].runner)(model, RunOptions("cuda")) as runner:
        assert runner.runtime_info.details["CUDA graph"].startswith("no: ")
        assert runner.run({"data": np.ones(4, np.float32)})["out"].tolist() == [2, 2, 2, 2]
        assert runner.run({"data": -np.ones(4, np.float32)})["out"].tolist() == [-3, -3, -3, -3]


@THERE
@pytest.mark.gpu
@pytest.mark.slow
def test_a_compiled_package_is_replayed_as_one_graph(tiny: Model, tmp_path: Path) -> None:
    options = ExportOptions(aoti=AotiOptions("cuda"))
    (artifact,) = export(tiny, ["aoti"], tmp_path, "tiny", options)
    with open_runner(artifact, RunOptions("cuda")) as runner:
        assert runner.runtime_info.details["CUDA graph"] == "yes"
        for seed in (0, 1):
            found, wanted = runner.run(tiny_image(seed)), outputs_of(tiny, tiny_image(seed))
            for name, array in wanted.items():
                assert np.abs(found[name] - array).max() < 1e-4 * np.abs(array).max()


@THERE
@pytest.mark.gpu
@pytest.mark.slow
def test_a_compiled_package_with_dynamic_axes_takes_several_shapes(tiny: Model, tmp_path: Path) -> None:
    options = ExportOptions(dynamic=True, aoti=AotiOptions("cuda"))
    (artifact,) = export(tiny, ["aoti"], tmp_path, "tiny", options)
    with open_runner(artifact, RunOptions("cuda")) as runner:
        for shape in ((1, 3, 32, 40), (2, 3, 16, 64), (1, 3, 32, 40)):
            image = {"data": np.random.RandomState(0).standard_normal(shape).astype(np.float32)}
            for name, array in outputs_of(tiny, image).items():
                assert np.abs(runner.run(image)[name] - array).max() < 1e-4 * np.abs(array).max()
