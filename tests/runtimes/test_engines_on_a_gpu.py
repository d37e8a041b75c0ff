"""Engines on a GPU, of each installed library: at fixed and dynamic shapes, in both precisions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cuda.bindings", reason="cuda-python runs them")

from posedeploy import plugins
from posedeploy.convert.export import export
from posedeploy.convert.export_options import ExportOptions, ExportPrecision
from posedeploy.cuda import gpu
from posedeploy.errors import InputError
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.tensorrt.libraries import LIBRARIES, supported_capabilities
from posedeploy.tensorrt.options import TensorRtOptions
from posedeploy.types import Model, RunOptions, Tensors
from tests.support.networks import outputs_of
from tests.support.tables import skip_without_gpu

pytestmark = pytest.mark.gpu
WITHIN: dict[ExportPrecision, float] = {"fp32": 1e-4, "fp16": 1e-2}
"""The tolerance, as a fraction of the largest value; TF32 would differ by 1e-3."""
SMALLEST, USUAL, LARGEST = (1, 3, 16, 16), (1, 3, 32, 40), (2, 3, 32, 64)


@pytest.fixture(params=LIBRARIES)
def trt_options(request: pytest.FixtureRequest) -> TensorRtOptions:
    """Return options for an installed library that builds for this GPU."""
    skip_without_gpu()
    library, capability = LIBRARIES[request.param], gpu().capability
    if plugins.version_of(library.module) is None:
        pytest.skip(f"{library.name} is not installed")
    if not library.builds_without_gpu:
        return TensorRtOptions(library.name)
    if capability not in supported_capabilities(plugins.module(library.module)):
        pytest.skip(f"{library.name} builds nothing for compute capability {capability}")
    return TensorRtOptions(library.name, (capability,))


def _opened(model: Model, folder: Path, options: ExportOptions) -> Runner:
    (artifact,) = export(model, ["tensorrt"], folder, "tiny", options)
    return open_runner(artifact, RunOptions("cuda", "auto"))


def _image(shape: tuple[int, ...], seed: int) -> Tensors:
    return {"data": np.random.RandomState(seed).standard_normal(shape).astype(np.float32)}


def _check(runner: Runner, model: Model, image: Tensors, precision: ExportPrecision) -> None:
    found, wanted = runner.run(image), outputs_of(model, image)
    assert list(found) == list(wanted)
    for name, array in wanted.items():
        assert (found[name].shape, found[name].dtype) == (array.shape, np.float32)
        assert np.abs(found[name] - array).max() < WITHIN[precision] * np.abs(array).max()


@pytest.mark.parametrize("precision", WITHIN)
def test_a_fixed_shape_is_one_graph(
    trt_options: TensorRtOptions, precision: ExportPrecision, tiny: Model, tmp_path: Path
) -> None:
    options = ExportOptions(precision=precision, tensorrt=trt_options)
    with _opened(tiny, tmp_path, options) as runner:
        assert (runner.runtime_info.details["CUDA graph"], runner.runtime_info.precision) == (
            "yes",
            precision,
        )
        for seed in (0, 1, 0):
            _check(runner, tiny, _image(USUAL, seed), precision)


@pytest.mark.parametrize("precision", WITHIN)
def test_dynamic_axes_take_every_shape_of_their_range_in_any_order(
    trt_options: TensorRtOptions, precision: ExportPrecision, tiny: Model, tmp_path: Path
) -> None:
    ranged = replace(trt_options, min_shapes={"": SMALLEST}, opt_shapes={"": USUAL}, max_shapes={"": LARGEST})
    options = ExportOptions(dynamic=True, precision=precision, tensorrt=ranged)
    with _opened(tiny, tmp_path, options) as runner:
        assert runner.ranges == {"data": (SMALLEST, LARGEST)}
        assert runner.runtime_info.details["CUDA graph"] == "no"
        for seed, shape in enumerate((USUAL, LARGEST, SMALLEST, (2, 3, 16, 64), USUAL)):
            _check(runner, tiny, _image(shape, seed), precision)
        with pytest.raises(InputError, match="the engine was built for 1x3x16x16 to 2x3x32x64"):
            runner.run(_image((1, 3, 8, 40), 0))
        _check(runner, tiny, _image(USUAL, 9), precision)
