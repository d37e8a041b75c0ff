"""Known mistakes in the outputs of networks."""

from __future__ import annotations

import numpy as np
import pytest

from posedeploy.benchmarks.output_mistakes import MAX_SLICES, list_output_mistakes, match_slices
from posedeploy.types import DATA_DEPENDENT, Array, ModelSpec, Tensors, TensorSpec


def stacked(count: int) -> Array:
    return np.random.default_rng(2).normal(size=(1, count, 5)).astype(np.float32)


@pytest.mark.parametrize("count", [2, 17, 133])
def test_the_order_of_slices_is_the_one_that_agrees(count: int) -> None:
    order = np.roll(np.arange(count), 1)
    values = stacked(count)
    assert match_slices([(values, values[:, order])], axis=1) == order.tolist()


@pytest.mark.parametrize("count", [MAX_SLICES + 1, 8400])
def test_no_order_of_anchors_or_vertices_is_looked_for(count: int) -> None:
    """The assignment of thousands of slices takes hours."""
    values = stacked(count)
    assert match_slices([(values, values[:, ::-1])], axis=1) is None


SPEC = ModelSpec(
    "some-network",
    "",
    (TensorSpec("data", (1, 3, 8, 8), "float32", "NCHW"),),
    (
        TensorSpec("maps", (1, 3, 4, 4), "float32"),
        TensorSpec("rows", (1, DATA_DEPENDENT, 3), "float32"),
        TensorSpec("sizes", (1, "size", 3), "float32"),
        TensorSpec("people", (DATA_DEPENDENT, 3, 5), "float32"),
        TensorSpec("count", (), "float32"),
    ),
    keypoint_names=("nose", "left_eye", "right_eye"),
)


def outputs_with(rows: int) -> Tensors:
    """Return outputs of ``SPEC``, some of which have this many rows."""
    with_rows = {"rows": (1, rows, 3), "people": (rows, 3, 5)}
    shapes = {"maps": (1, 3, 4, 4), "sizes": (1, 4, 3), "count": (), **with_rows}
    stream = np.random.default_rng(rows)
    return {name: np.asarray(stream.normal(size=shape)) for name, shape in shapes.items()}


def roll(outputs: Tensors) -> Tensors:
    """Return the outputs with another order of the slices of each axis."""
    return {
        name: np.roll(array, 1, axis=tuple(range(array.ndim))) if array.ndim else array
        for name, array in outputs.items()
    }


@pytest.mark.parametrize("rows", [0, 1, 3, 7])
def test_the_order_on_one_input_fits_inputs_with_other_numbers_of_rows(rows: int) -> None:
    first, other = outputs_with(4), outputs_with(rows)
    mistakes = list(list_output_mistakes(SPEC, first, roll(first)))
    names = [mistake.name for mistake in mistakes]
    assert any(name.endswith("in maps") for name in names)
    assert not any(name.startswith(("the channels of rows", "the channels of sizes")) for name in names)
    for mistake in mistakes:
        changed = mistake.change(other)
        assert {name: array.shape for name, array in changed.items()} == {
            name: array.shape for name, array in other.items()
        }


def test_outputs_are_exchanged_only_if_they_have_one_shape() -> None:
    pair = {"a": np.array([[1.0, 2, 3, 4]]), "b": np.array([[4.0, 1, 3, 2]])}
    mistakes = list_output_mistakes(SPEC, pair, {"a": pair["b"], "b": pair["a"]})
    exchange = next(each for each in mistakes if each.name == "the outputs a and b were exchanged")
    np.testing.assert_array_equal(exchange.change(pair)["a"], pair["b"])
    other = {"a": np.zeros((1, 2)), "b": np.ones((1, 3))}
    assert exchange.change(other) == other
