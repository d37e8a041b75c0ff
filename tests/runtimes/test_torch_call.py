"""When a program is captured as a graph, with stand-ins for graphs on the CPU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch

from posedeploy.runtimes.torch_call import MAX_GRAPHS, Forms, GraphedProgram, open_call
from posedeploy.types import Array, TensorSpec


class Capturer:
    """A stand-in. Its graphs double a tensor, and its plain call triples it, to tell them apart."""

    def __init__(self, refusal: str = "") -> None:
        self.captured: list[Forms] = []
        self.refusal = refusal
        self.graphed = GraphedProgram(self.plain, ["out"], self.make)

    def plain(self, arrays: list[Array]) -> dict[str, Array]:
        return {"out": 3 * arrays[0]}

    def make(self, forms: Forms) -> type[Doubling] | Doubling:
        if self.refusal:
            raise RuntimeError(self.refusal)
        self.captured.append(forms)
        return Doubling()

    def __call__(self, length: int) -> float:
        return float(self.graphed([np.ones(length, np.float32)])["out"][0])


class Doubling:
    """A stand-in for a graph."""

    def __call__(self, tensors: Sequence[torch.Tensor]) -> Sequence[torch.Tensor]:
        return [2 * tensor for tensor in tensors]


def test_dynamic_axes_are_captured_at_the_second_run_of_a_shape() -> None:
    capturer = Capturer()
    assert [capturer(4), capturer(4), capturer(4), capturer(5), capturer(4), capturer(5)] == [
        3,
        2,
        2,
        3,
        2,
        2,
    ]
    assert capturer.captured == [(((4,), torch.float32),), (((5,), torch.float32),)]


def test_graphs_of_the_last_used_shapes_are_kept() -> None:
    capturer = Capturer()
    for length in range(1, MAX_GRAPHS + 2):
        capturer(length), capturer(length)
    assert len(capturer.captured) == MAX_GRAPHS + 1
    assert capturer(2) == 2, "kept"
    assert capturer(1) == 3, "its graph went, and it is seen as if for the first time"


def test_a_program_that_cannot_be_captured_runs_and_the_reason_is_reported() -> None:
    capturer = Capturer("operation not permitted when stream is capturing\nmore")
    assert [capturer(4), capturer(4), capturer(4)] == [3, 3, 3]
    assert capturer.graphed.report == {"CUDA graph": "no: operation not permitted when stream is capturing"}


def test_a_call_on_the_cpu_returns_arrays_that_the_caller_owns() -> None:
    spec = TensorSpec("x", (2,))
    call, report = open_call(lambda x: {"same": x}, torch.device("cpu"), (spec,), (spec,))
    array = np.arange(4, dtype=np.float32)[::-2]
    found = call([array])["x"]
    assert report == {} and np.array_equal(found, array) and not np.shares_memory(found, array)


@pytest.fixture
def torch_threads() -> Iterator[None]:
    """Restore torch's thread count after the test."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("torch_threads")
def test_each_call_on_the_cpu_uses_its_own_threads() -> None:
    spec, counts = TensorSpec("x", (2,)), list[int]()

    def program(x: torch.Tensor) -> dict[str, torch.Tensor]:
        counts.append(torch.get_num_threads())
        return {"same": x}

    one, two = (
        open_call(program, torch.device("cpu"), (spec,), (spec,), threads=threads)[0] for threads in (1, 2)
    )
    for call in (two, one, one, two):
        call([np.ones(2, np.float32)])
    assert counts == [2, 1, 1, 2]
