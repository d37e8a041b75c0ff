"""With the noise floor of its device and precision, the correct network passes and every wrong one fails:
on a CPU, on a stand-in for a GPU, and in BF16.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from posedeploy.benchmarks.input_shapes import with_fixed_size
from posedeploy.benchmarks.inputs import NetworkInput, build_image_inputs, generate_noise_images
from posedeploy.benchmarks.noise_floor import NoiseFloor, measure_noise
from posedeploy.benchmarks.parity import Parity
from posedeploy.benchmarks.runner_comparison import compare_outputs
from posedeploy.benchmarks.tolerances import default_tolerance
from posedeploy.checkpoints.float64 import in_float64
from posedeploy.reduced_precision import ReducedPrecision
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.pytorch import PyTorchRunner
from posedeploy.types import Model, RunOptions
from tests.support.winograd import WinogradLike

OPTIONS = RunOptions(threads=1)
Place = Callable[[Model, int], Runner]
Fault = Callable[[Any], nn.Module]
"""A change to a copy of the correct network, a TinyPose, that makes it wrong."""


class Bf16(PyTorchRunner):
    """The whole network in BF16, as in a runtime that keeps no operator in FP32."""

    def __init__(self, model: Model, seed: int) -> None:
        class Whole(nn.Module):
            def forward(self, data: Tensor) -> list[Tensor]:
                outputs = network(data.bfloat16())
                return [output.float() for output in (*outputs["early"], *outputs["late"])]

        network = copy.deepcopy(model.module).bfloat16()
        super().__init__(replace(model, module=Whole().eval()), OPTIONS)
        self.runtime_info = replace(self.runtime_info, precision="bf16")


def _reduced(model: Model, seed: int) -> Runner:
    module = ReducedPrecision(model.module, "bf16", channels_last=False).eval()
    return PyTorchRunner(replace(model, module=module), OPTIONS)


def _plain(model: Model, seed: int) -> Runner:
    return PyTorchRunner(model, OPTIONS)


def _on_gpu(model: Model, seed: int) -> Runner:
    return PyTorchRunner(model, RunOptions("cuda", cuda_graphs=False))


PLACES: dict[str, tuple[str, Place, Place]] = {
    "cpu": ("fp32", _plain, _plain),
    "stand-in": ("fp32", WinogradLike, WinogradLike),
    "bf16": ("bf16", Bf16, _reduced),
    "cuda": ("fp32", _on_gpu, _on_gpu),
}
"""The precision, the runner of the candidate, and the runner of PyTorch for the noise floor."""
ON_A_GPU = (
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device"),
)


def _marked(place: str, *values: object) -> Any:
    return pytest.param(*values, place, marks=ON_A_GPU if place == "cuda" else ())


@pytest.fixture(scope="module")
def model(tiny: Model) -> Model:
    """The tiny network with the activation statistics of a trained one."""
    module: Any = copy.deepcopy(tiny.module)
    random = torch.Generator().manual_seed(5)
    module.stem[1].running_var.uniform_(0.02, 0.5, generator=random)
    module.stem[1].running_mean.normal_(0, 0.2, generator=random)
    return replace(tiny, module=module)


def _inputs(model: Model) -> list[NetworkInput]:
    named = [
        (f"noise {index}", image)
        for index, image in enumerate(generate_noise_images(with_fixed_size(model.spec), 3))
    ]
    return build_image_inputs(model.spec, named)


def _judged(model: Model, candidate: nn.Module, place: str) -> Parity:
    """Compare a candidate with the network in FP64, by the noise floor of the place."""
    precision, run, measure = PLACES[place]
    samples = _inputs(model)
    inputs = [sample.tensors for sample in samples]
    with PyTorchRunner(in_float64(model), OPTIONS) as exact, measure(model, 1) as noisy:
        expected = [exact.run(tensors) for tensors in inputs]
        floor: NoiseFloor = measure_noise(expected, noisy, inputs, precision, place)
        with run(replace(model, module=candidate), 2) as runner:
            return compare_outputs(
                "tiny.engine",
                exact,
                runner,
                [(sample, sample) for sample in samples],
                tolerance=default_tolerance(runner.runtime_info.precision),
                floor=floor,
            )


@pytest.mark.parametrize("place", [_marked(place) for place in PLACES])
def test_the_correct_network_passes(place: str, model: Model) -> None:
    parity = _judged(model, model.module, place)
    assert parity.failures == ()
    largest = max(output.rtol for output in parity.outputs)
    low, high = {"cpu": (1e-8, 1e-5), "stand-in": (1e-4, 1e-3), "bf16": (2e-3, 1), "cuda": (1e-8, 1e-2)}[
        place
    ]
    assert low < largest < high


def _swapped_channels(network: Any) -> nn.Module:
    network.heatmaps.weight.data = network.heatmaps.weight.flip(0)
    return network  # type: ignore[no-any-return]


def _swapped_colors(network: Any) -> nn.Module:
    network.stem[0].weight.data = network.stem[0].weight.flip(1)
    return network  # type: ignore[no-any-return]


def _dropped_bias(network: Any) -> nn.Module:
    network.pafs.bias.data.zero_()
    return network  # type: ignore[no-any-return]


def _wrong_eps(network: Any) -> nn.Module:
    network.stem[1].eps = 1e-3
    return network  # type: ignore[no-any-return]


def _stale_statistics(network: Any) -> nn.Module:
    network.stem[1].reset_running_stats()
    return network  # type: ignore[no-any-return]


def _one_weight(network: Any) -> nn.Module:
    weight = network.body[0].weight.data
    weight[3, 5, 1, 1] += 20 * weight.std()
    return network  # type: ignore[no-any-return]


class _Shifted(nn.Module):
    """The same network with its last maps shifted one cell to the right."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, data: Tensor) -> dict[str, object]:
        outputs: dict[str, list[Tensor]] = self.network(data)
        return {"early": outputs["early"], "late": [output.roll(1, 3) for output in outputs["late"]]}


FAULTS: dict[str, Fault] = {
    "swapped channels": _swapped_channels,
    "swapped colors": _swapped_colors,
    "missing bias": _dropped_bias,
    "eps of another framework": _wrong_eps,
    "stale batch norm": _stale_statistics,
    "one damaged weight": _one_weight,
    "shifted maps": _Shifted,
}


SMALLER_THAN_NOISE = {("eps of another framework", "bf16")}
"""Faults whose effect is smaller than the rounding of BF16."""


@pytest.mark.parametrize(
    ("fault", "place"),
    [
        _marked(place, fault)
        for fault in FAULTS
        for place in PLACES
        if (fault, place) not in SMALLER_THAN_NOISE
    ],
)
def test_a_wrong_network_is_refused(fault: str, place: str, model: Model) -> None:
    parity = _judged(model, FAULTS[fault](copy.deepcopy(model.module)).eval(), place)
    assert parity.failures
    assert f"(noise floor of PyTorch {PLACES[place][0]} on {place}: " in parity.failures[0]


def _rounded(tensor: Tensor, dropped: int) -> Tensor:
    """Return the values with this number of mantissa bits rounded away."""
    half = 1 << (dropped - 1)
    bits = tensor.contiguous().view(torch.int32) + half
    return (bits & ~((1 << dropped) - 1)).view(torch.float32)


def _in_tf32(network: nn.Module) -> nn.Module:
    """Emulate TF32, in which convolutions read 10 bits of the mantissa."""

    def rounded_input(layer: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(_rounded(data, 13) for data in inputs)

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.weight.data = _rounded(layer.weight.data, 13)
            layer.register_forward_pre_hook(rounded_input)
    return network


def _half_weights(network: nn.Module) -> nn.Module:
    return network.half().float()


def _bf16_weights(network: nn.Module) -> nn.Module:
    return network.bfloat16().float()


@pytest.mark.parametrize(
    ("coarser", "places"),
    [
        pytest.param(_in_tf32, ["cpu", "stand-in"], id="TF32"),
        pytest.param(_half_weights, ["cpu"], id="FP16 weights"),
        pytest.param(_bf16_weights, ["cpu", "stand-in"], id="BF16 weights"),
    ],
)
def test_a_lower_precision_than_reported_is_refused(coarser: Fault, places: list[str], model: Model) -> None:
    """FP16 weights differ from FP32 by less than the noise of a GPU, so only the CPU detects them."""
    for place in places:
        parity = _judged(model, coarser(copy.deepcopy(model.module)).eval(), place)
        assert parity.failures, place
        assert np.isfinite(max(output.rtol for output in parity.outputs))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
def test_tf32_that_is_reported_as_fp32_is_refused_on_a_gpu(model: Model) -> None:
    precision, _, measure = PLACES["cuda"]
    samples = _inputs(model)
    inputs = [sample.tensors for sample in samples]
    with PyTorchRunner(in_float64(model), OPTIONS) as exact, measure(model, 1) as runner:
        expected = [exact.run(tensors) for tensors in inputs]
        floor = measure_noise(expected, runner, inputs, precision, "cuda")
        with PyTorchRunner(model, RunOptions("cuda", "tf32", cuda_graphs=False)) as coarser:
            parity = compare_outputs(
                "tiny.engine",
                exact,
                coarser,
                [(sample, sample) for sample in samples],
                tolerance=default_tolerance("fp32"),
                floor=floor,
            )
    assert "(noise floor of PyTorch fp32 on cuda: " in parity.failures[0]
