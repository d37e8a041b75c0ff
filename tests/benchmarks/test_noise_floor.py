"""Measurement of the noise floor with networks that have known errors."""

from __future__ import annotations

import errno

import numpy as np
import pytest

from posedeploy.benchmarks.caching_runner import CachingRunner
from posedeploy.benchmarks.input_shapes import with_fixed_size
from posedeploy.benchmarks.inputs import build_image_inputs, generate_noise_images
from posedeploy.benchmarks.noise_floor import RUNS, NoiseFloor, OutputNoise, find_largest, measure_noise
from posedeploy.benchmarks.tolerances import (
    QUANTIZED_TOLERANCE,
    TOLERANCES,
    default_tolerance,
    is_quantized,
    to_torch_precision,
)
from posedeploy.checkpoints.float64 import in_float64
from posedeploy.errors import OutputError
from posedeploy.runtimes.pytorch import PyTorchRunner
from posedeploy.types import Model, RunOptions, Tensors, TensorSpec
from tests.predict.conftest import HEIGHT, WIDTH, CrowdRunner, spec_of

SPEC = spec_of("lightweight-openpose-2d", height=HEIGHT, width=WIDTH)
OPTIONS = RunOptions(threads=1)


def _inputs(model: Model, count: int = 2) -> list[Tensors]:
    named = [("noise", image) for image in generate_noise_images(with_fixed_size(model.spec), count)]
    return [sample.tensors for sample in build_image_inputs(model.spec, named)]


def test_the_noise_of_a_network_is_the_largest_of_several_inputs(tiny: Model) -> None:
    inputs = _inputs(tiny)
    progress: list[tuple[int, int]] = []
    with PyTorchRunner(in_float64(tiny), OPTIONS) as exact, PyTorchRunner(tiny, OPTIONS) as single:
        expected = [exact.run(tensors) for tensors in inputs]
        floor = measure_noise(
            expected, single, inputs, "fp32", on_progress=lambda done, of: progress.append((done, of))
        )
        again = measure_noise(expected, single, inputs, "fp32")
        found = single.run(inputs[0])
    assert floor == again, "the draws are the same each time"
    assert (floor.inputs, floor.runs, len(progress)) == (2, 2 * RUNS, 2 * RUNS)
    assert list(floor.outputs) == [output.name for output in tiny.spec.outputs]
    for name, noise in floor.outputs.items():
        one_draw = np.abs(found[name] - expected[0][name]).max() / np.abs(expected[0][name]).max()
        assert 0 < one_draw <= noise.largest < 1e-5
        assert 0 < noise.rms < noise.largest
        assert noise.rms < noise.at_peaks * 3 < 3 * noise.largest


def _drawn_inputs(tensors: Tensors, precision: str) -> list[Tensors]:
    """Return the inputs of a network while its noise is measured on ``inputs``."""
    perturbed: list[Tensors] = []

    class Noting(CrowdRunner):
        def _run(self, tensors: Tensors) -> Tensors:
            perturbed.append(tensors)
            return {}

    runner = Noting(SPEC)
    runner.inputs = tuple(TensorSpec(name, a.shape, a.dtype.name) for name, a in tensors.items())
    measure_noise([{}], runner, [tensors], precision)
    return perturbed


@pytest.mark.parametrize(
    ("precision", "step"), [("fp32", 1), ("tf32", 2**13), ("fp16", 2**13), ("bf16", 2**16)]
)
def test_noise_is_measured_on_inputs_one_rounding_step_apart(precision: str, step: int) -> None:
    image = 1 + np.random.RandomState(0).uniform(0.1, 0.9, (1, 3, 8, 8)).astype(np.float32)
    first, *others = (inputs["data"] for inputs in _drawn_inputs({"data": image}, precision))
    assert np.array_equal(first, image)
    for moved in others:
        assert moved.dtype == np.float32
        steps = moved.view(np.int32) - image.view(np.int32)
        assert set(steps.ravel().tolist()) == {-step, step}
    assert len({moved.tobytes() for moved in (first, *others)}) == RUNS


def test_integer_inputs_are_unchanged_and_run_once() -> None:
    whole = np.arange(12, dtype=np.uint8)
    (inputs,) = _drawn_inputs({"data": whole}, "bf16")
    assert np.array_equal(inputs["data"], whole)


def test_an_overflow_has_infinite_noise() -> None:
    class Overflowing(CrowdRunner):
        def _run(self, tensors: Tensors) -> Tensors:
            outputs = super()._run(tensors)
            outputs["heatmaps"][0, 0, 0, 0] = np.inf
            return outputs

    tensors = {"data": np.zeros((1, 3, HEIGHT, WIDTH), np.float32)}
    floor = measure_noise([CrowdRunner(SPEC).run(tensors)], Overflowing(SPEC), [tensors], "fp16")
    assert floor.outputs["heatmaps"].largest == floor.outputs["heatmaps"].rms == np.inf
    assert floor.outputs["pafs"].largest == 0


@pytest.mark.parametrize(
    ("reported", "precision"),
    [
        ("fp32", "fp32"),
        ("tf32", "tf32"),
        ("bf16+fp32", "bf16"),
        ("fp16+fp32", "fp16"),
        ("fp32+int8", None),
        ("as in the file", None),
    ],
)
def test_the_tolerance_is_that_of_the_lowest_precision(reported: str, precision: str | None) -> None:
    assert to_torch_precision(reported) == precision
    other = QUANTIZED_TOLERANCE if is_quantized(reported) else TOLERANCES["fp32"]
    assert default_tolerance(reported) == (TOLERANCES[precision] if precision else other)


def test_a_caching_runner_runs_each_input_once() -> None:
    crowd = CrowdRunner(SPEC)
    first, second = ({"data": np.full((1, 3, HEIGHT, WIDTH), value, np.float32)} for value in (0, 1))
    with CachingRunner(crowd) as cached:
        assert (cached.inputs, cached.runtime_info) == (crowd.inputs, crowd.runtime_info)
        kept = [cached.run(first), cached.run(second)]
        for _ in range(2):
            for tensors, outputs in zip((first, second), kept, strict=True):
                again = cached.run({name: array.copy() for name, array in tensors.items()})
                assert list(again) == list(outputs)
                for name, array in outputs.items():
                    assert again[name].dtype == array.dtype
                    assert np.array_equal(again[name], array)
                    again[name][:] = -1  # the caller's to write to
    assert crowd.runs == 2


def test_a_full_disk_is_a_one_line_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    tensors = {"data": np.zeros((1, 3, HEIGHT, WIDTH), np.float32)}
    with (
        CachingRunner(CrowdRunner(SPEC)) as cached,
        pytest.raises(
            OutputError,
            match=r"cannot write outputs .* \(No space left on device\); free .*TMPDIR to another folder$",
        ),
    ):
        cached.run(tensors)


def test_more_runs_only_raise_the_floor() -> None:
    few = NoiseFloor("cpu", "fp32", {"a": OutputNoise(3.0, 1.0, 2.0)}, 11, 33)
    more = NoiseFloor("cpu", "fp32", {"a": OutputNoise(2.0, 4.0, 1.0)}, 2, 24)
    both = few.extended(more)
    assert (both.outputs, both.inputs, both.runs) == ({"a": OutputNoise(3.0, 4.0, 2.0)}, 11, 57)


@pytest.mark.parametrize(("factor", "divisor"), [(2, 1), (10, 1), (40, 4), (100, 10)])
def test_noise_is_relative_to_a_tenth_of_the_largest_value_at_least(
    tiny: Model, factor: float, divisor: float
) -> None:
    inputs = _inputs(tiny, 1)
    with PyTorchRunner(in_float64(tiny), OPTIONS) as exact, PyTorchRunner(tiny, OPTIONS) as single:
        expected = [exact.run(tensors) for tensors in inputs]
        brighter = {name: factor * array for name, array in expected[0].items()}
        alone = measure_noise(expected, single, inputs, "fp32")
        largest = find_largest([*expected, brighter])
        among = measure_noise(expected, single, inputs, "fp32", largest=largest)
    assert {name: noise.largest for name, noise in among.outputs.items()} == pytest.approx(
        {name: noise.largest / divisor for name, noise in alone.outputs.items()}
    )
