"""Networks in FP16 and BF16: which tensors are cast, and tracing and exporting."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from posedeploy.flatten import flat
from posedeploy.reduced_precision import DTYPES, ReducedPrecision

STEP = {"fp16": 2**-11, "bf16": 2**-8}
"""Half a unit in the last place of each precision, relative."""


class Expectation(nn.Module):
    """A softmax expectation over many cells, as in networks of coordinates; it overflows in FP16."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.PReLU(4))
        self.register_buffer("cells", torch.arange(64 * 64, dtype=torch.float32))

    cells: Tensor

    def forward(self, data: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.body(data)
        weights = torch.exp((maps - maps.amax(dim=(2, 3), keepdim=True)).flatten(2))
        return (weights @ self.cells) / weights.sum(dim=2), functional.softmax(maps.flatten(2), dim=2)


class Mixing(nn.Module):
    """Operations on a reduced and an FP32 tensor: sums, concatenations, in-place functions, norms."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 8)
        self.norm, self.attend = nn.LayerNorm(8), nn.MultiheadAttention(8, 2, batch_first=True)
        self.scale = nn.Parameter(torch.full((8,), 0.5))

    def forward(self, data: Tensor) -> Tensor:
        x = self.first(data)
        x += data
        x = torch.cat([x * self.scale, data], dim=1)
        x = self.norm(x) + self.attend(x, x, x, need_weights=False)[0]
        scores = self.second(x) @ x.transpose(1, 2)
        return torch.where(scores > 0, scores, torch.zeros(()))


def _eval(make: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(3)
    return make().eval().requires_grad_(False)


@pytest.mark.parametrize("precision", DTYPES)
def test_layers_compute_in_the_reduced_precision_and_sensitive_functions_in_fp32(precision: str) -> None:
    network = _eval(Expectation)
    reduced = ReducedPrecision(network, precision)
    dtypes: list[torch.dtype] = []
    reduced.network.body[0].register_forward_hook(lambda module, inputs, result: dtypes.append(result.dtype))
    data = torch.rand(1, 3, 64, 64)
    for actual, expected in zip(reduced(data), network(data), strict=True):
        assert actual.dtype == torch.float32
        assert 0 < (actual - expected).abs().max() / expected.abs().max() < 8 * STEP[precision]
    assert dtypes == [DTYPES[precision]]
    assert reduced(data)[1].sum(dim=2).sub(1).abs().max() < 1e-5, "a softmax in FP16 would not add up to 1"


@pytest.mark.parametrize("precision", DTYPES)
def test_reduced_and_fp32_tensors_can_be_combined(precision: str) -> None:
    network = _eval(Mixing)
    data = torch.randn(2, 3, 8)
    (actual,), expected = ReducedPrecision(network, precision)(data), network(data)
    assert actual.dtype == torch.float32
    assert (actual - expected).abs().max() / expected.abs().max() < 8 * STEP[precision]


class Recurrent(nn.Module):
    """Recurrent layers between linear ones, and linear algebra, which PyTorch has only in FP32."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 4), nn.Linear(5, 9)
        self.lstm, self.cell = nn.LSTM(4, 5, batch_first=True), nn.GRUCell(5, 5)

    def forward(self, data: Tensor) -> tuple[Tensor, ...]:
        steps, (state, _) = self.lstm(self.first(data))
        matrix = self.last(self.cell(steps[:, -1], state[-1])).view(-1, 3, 3)
        u, _, v = torch.linalg.svd(matrix)
        return u @ v, torch.linalg.norm(matrix, dim=-1), matrix.inverse()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("precision", DTYPES)
def test_recurrent_layers_and_linear_algebra_compute_in_fp32(precision: str) -> None:
    network = _eval(Recurrent)
    data = torch.randn(2, 3, 4)
    reduced = ReducedPrecision(network, precision)
    traced = torch.jit.trace(reduced, data, check_trace=False)  # type: ignore[no-untyped-call]
    for actual, again, expected in zip(reduced(data), traced(data), network(data), strict=True):
        assert 0 < (actual - expected).abs().max() / expected.abs().max() < 8 * STEP[precision]
        torch.testing.assert_close(actual, again)


@pytest.mark.parametrize("square", [torch.square, lambda x: x * x, lambda x: x**2, lambda x: x.mul(x)])
def test_squares_do_not_overflow(square: Callable[[Tensor], Tensor]) -> None:
    class Normalized(nn.Linear):
        def forward(self, data: Tensor) -> Tensor:
            x = functional.linear(data, self.weight)
            return x / square(x).sum(dim=-1, keepdim=True).sqrt()

    network, data = _eval(lambda: Normalized(4, 3)), 1000 * torch.randn(2, 4)
    (actual,), expected = ReducedPrecision(network, "fp16")(data), network(data)
    assert (actual - expected).abs().max() < 8 * STEP["fp16"]


def test_the_original_network_does_not_change() -> None:
    network = _eval(Expectation)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    ReducedPrecision(network, "fp16")
    after = network.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert {tensor.dtype for tensor in network.parameters()} == {torch.float32}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_traced_and_an_exported_network_return_the_same() -> None:
    reduced = ReducedPrecision(_eval(Expectation), "bf16")
    data = torch.rand(1, 3, 64, 64)
    expected = reduced(data)
    with torch.no_grad():
        traced = torch.jit.trace(reduced, data, check_trace=False)
        exported = torch.export.export(reduced, (data,)).module()
    for program in (traced, exported):
        for actual, output in zip(program(data), expected, strict=True):
            assert torch.equal(actual, output)


def test_convolutions_store_their_weights_channels_last() -> None:
    weight = ReducedPrecision(_eval(Expectation), "fp16").network.body[0].weight
    assert weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("make", [Expectation, Mixing])
@pytest.mark.parametrize("precision", DTYPES)
@pytest.mark.parametrize("everywhere", [False, True])
def test_emulation_equals_the_reduced_precision_except_for_the_order_of_sums(
    make: Callable[[], nn.Module], precision: str, everywhere: bool
) -> None:
    network = _eval(make)
    data = torch.rand(1, 3, 64, 64) if make is Expectation else torch.randn(2, 3, 8)
    real, emulated = (
        ReducedPrecision(network, precision, emulated=kind, everywhere=everywhere)(data)
        for kind in (False, True)
    )
    exact = flat(network(data))
    for actual, expected, fp32 in zip(emulated, real, exact, strict=True):
        assert (actual - expected).abs().max() < 2 * STEP[precision] * expected.abs().max()
        assert (actual - fp32).abs().max() > 0


def test_products_with_constants_are_rounded_except_after_sensitive_functions() -> None:
    class Constants(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("neighbors", torch.rand(3, 3))

        neighbors: Tensor

        def forward(self, data: Tensor) -> tuple[Tensor, Tensor]:
            product = self.neighbors.t() @ data + self.neighbors
            return product, torch.exp(data) @ self.neighbors, torch.softmax(data, 1) @ product

    network = _eval(Constants)
    data = torch.rand(3, 3)
    products, sums, means = ReducedPrecision(network, "fp16", emulated=True, everywhere=True)(data)

    def rounded(array: Tensor) -> Tensor:
        return array.half().float()

    neighbors, exact = rounded(network.neighbors), rounded(data)  # type: ignore[arg-type]
    assert torch.equal(products, rounded(rounded(neighbors.t() @ exact) + neighbors))
    assert torch.equal(sums, torch.exp(exact) @ network.neighbors)  # type: ignore[operator]
    assert torch.equal(means, torch.softmax(exact, 1) @ products)
