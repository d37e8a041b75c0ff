"""The contract of a runner, the same for every row of the table: its tensors, runs and streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from posedeploy import plugins
from posedeploy.backends import RUNTIMES
from posedeploy.convert.export import export
from posedeploy.convert.export_options import ExportOptions
from posedeploy.errors import InputError
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.types import Array, Artifact, Model, ModelSpec, RunOptions, Tensors, TensorSpec
from tests.runtimes.runner_cases import ARTIFACT_PAIRS, PYTORCH, Opener, close_to
from tests.support.networks import outputs_of, tiny_image


def test_a_runner_runs_and_describes_its_tensors(opener: Opener, tiny: Model) -> None:
    with opener() as runner:
        found = runner.run(tiny_image())
        assert close_to(found, outputs_of(tiny, tiny_image()))
        assert [spec.name for spec in runner.inputs] == ["data"]
        assert runner.inputs[0].accepts((1, 3, 32, 40))
        for spec in runner.outputs:
            assert spec.accepts(found[spec.name].shape)
            assert found[spec.name].dtype == spec.dtype == "float32"


def test_outputs_belong_to_the_caller(opener: Opener, tiny: Model) -> None:
    with opener() as runner:
        first = runner.run(tiny_image(0))
        kept = {name: array.copy() for name, array in first.items()}
        second = runner.run(tiny_image(1))
        assert all(np.array_equal(first[name], kept[name]) for name in kept)
        for array in second.values():
            array[:] = -1
        assert close_to(runner.run(tiny_image(1)), outputs_of(tiny, tiny_image(1)))
    assert all(np.array_equal(first[name], kept[name]) for name in kept)


def test_inputs_are_unchanged_and_may_be_reused(opener: Opener, tiny: Model) -> None:
    with opener() as runner:
        tensors = tiny_image()
        runner.run(tensors)
        assert np.array_equal(tensors["data"], tiny_image()["data"])
        tensors["data"][:] = tiny_image(1)["data"]
        assert close_to(runner.run(tensors), outputs_of(tiny, tiny_image(1)))


def _read_only(array: Array) -> Array:
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "array",
    [
        tiny_image()["data"][..., ::-1],
        _read_only(tiny_image()["data"]),
        np.ascontiguousarray(tiny_image()["data"].transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
    ],
    ids=["flipped", "read-only", "channels last in memory"],
)
def test_arrays_may_be_views_flipped_or_read_only(opener: Opener, tiny: Model, array: Array) -> None:
    with opener() as runner:
        assert close_to(runner.run({"data": array}), outputs_of(tiny, {"data": array}))


@pytest.mark.parametrize(
    ("tensors", "got"),
    [
        ({}, "none"),
        ({"image": tiny_image()["data"]}, "image float32 1x3x32x40"),
        ({**tiny_image(), "more": np.zeros(1)}, "data float32 1x3x32x40, more float64 1"),
        ({"data": tiny_image()["data"].astype(np.float64)}, "data float64 1x3x32x40"),
        ({"data": tiny_image()["data"][0]}, "data float32 3x32x40"),
        ({"data": np.zeros((1, 4, 32, 40), np.float32)}, "data float32 1x4x32x40"),
        ({"data": tiny_image()["data"].astype(">f4")}, "data float32 in the other byte order 1x3x32x40"),
        ({"data": [1.0]}, "data of type list"),
        (None, "a value of type NoneType"),
    ],
    ids=["missing", "misnamed", "extra", "dtype", "rank", "channels", "byte order", "list", "no tensors"],
)
def test_inputs_that_do_not_fit_are_refused(opener: Opener, tensors: Tensors, got: str) -> None:
    with opener() as runner:
        for attempt in (runner.run, lambda batch: next(runner.stream([batch]))):
            with pytest.raises(
                InputError, match=f"do not fit the network: found {got}; expected data float32 .*x3x"
            ):
                attempt(tensors)


def test_closing_twice_does_nothing(opener: Opener) -> None:
    runner = opener()
    with runner as same:
        assert same is runner
    runner.close()


@pytest.mark.parametrize("count", [0, 1, 7])
def test_a_stream_gives_the_outputs_of_runs_in_order(opener: Opener, tiny: Model, count: int) -> None:
    with opener() as runner:
        results = list(runner.stream(tiny_image(seed) for seed in range(count)))
    assert len(results) == count
    assert all(close_to(result, outputs_of(tiny, tiny_image(seed))) for seed, result in enumerate(results))


def test_a_stream_reads_few_inputs_ahead(opener: Opener) -> None:
    drawn = []

    def images() -> Iterator[Tensors]:
        for seed in range(50):
            drawn.append(seed)
            yield tiny_image(seed)

    with opener() as runner:
        stream = runner.stream(images())
        next(stream)
    assert len(drawn) <= 8


def test_a_stream_may_be_left_early(opener: Opener, tiny: Model) -> None:
    with opener() as runner:
        for _ in runner.stream(tiny_image(seed) for seed in range(5)):
            break
        assert close_to(runner.run(tiny_image(3)), outputs_of(tiny, tiny_image(3)))


class Echo(nn.Module):
    """Returns its input and one of its weights, which a runner must not return by reference."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weight", torch.ones(2, 2))

    weight: Tensor

    def forward(self, data: Tensor) -> tuple[Tensor, Tensor]:
        return data, self.weight


def test_outputs_are_copies_of_inputs_and_weights() -> None:
    outputs = (TensorSpec("same", (1, 3)), TensorSpec("weight", (2, 2)))
    model = Model(Echo().eval(), ModelSpec("x", "", (TensorSpec("data", (1, 3)),), outputs), None, "")
    data = np.ones((1, 3), np.float32)
    with plugins.load(RUNTIMES[PYTORCH].runner)(model, RunOptions(threads=torch.get_num_threads())) as runner:
        first = runner.run({"data": data})
        first["same"][:] = 5
        first["weight"][:] = 5
        assert (data == 1).all()
        assert (runner.run({"data": data})["weight"] == 1).all()


@pytest.fixture(scope="module")
def export_free(tiny: Model, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Artifact]:
    """Return a function that exports the tiny network with dynamic axes to a target, once."""

    @cache
    def export_once(target: str) -> Artifact:
        folder = tmp_path_factory.mktemp("free")
        return export(tiny, [target], folder, "free", ExportOptions(dynamic=True))[0]

    return export_once


PAIRS_BY_COST = [
    pytest.param(*pair, id="-on-".join(pair), marks=[pytest.mark.slow] if "aoti" in pair else [])
    for pair in ARTIFACT_PAIRS
]
"""The compilation of a package takes many seconds."""


@pytest.mark.parametrize(("target", "runtime"), PAIRS_BY_COST)
def test_a_free_axis_takes_any_length(
    export_free: Callable[[str], Artifact], tiny: Model, target: str, runtime: str
) -> None:
    small, large = (
        {"data": np.random.RandomState(0).standard_normal(shape).astype(np.float32)}
        for shape in ((2, 3, 16, 24), (1, 3, 32, 40))
    )
    with open_runner(export_free(target), RunOptions(), runtime) as runner:
        assert close_to(runner.run(large), outputs_of(tiny, large))
        assert close_to(runner.run(small), outputs_of(tiny, small))
