"""Compare models with another one that runs in the same rounds, on inputs of the same shapes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from posedeploy.benchmarks.latency import Latency
from posedeploy.benchmarks.time_comparison import TimeComparison, compare_in_rounds
from posedeploy.benchmarks.timing import Candidate
from posedeploy.errors import InputError

CHANNELS = (1, 3)
"""Lengths of the channel axis of an image."""


def describe_input(candidate: Candidate) -> str:
    """Return the input shapes, in NCHW for images in NHWC: ``1x3x256x456``."""
    return format_shapes(array.shape for array in candidate.tensors.values())


def format_shapes(shapes: Iterable[tuple[int, ...]]) -> str:
    """Return input shapes as ``describe_input`` does."""
    return ", ".join(sorted("x".join(map(str, _channels_first(shape))) for shape in shapes))


def _channels_first(shape: tuple[int, ...]) -> tuple[int, ...]:
    is_nhwc = len(shape) == 4 and shape[3] in CHANNELS and shape[1] not in CHANNELS
    return (shape[0], shape[3], shape[1], shape[2]) if is_nhwc else shape


def check_inputs(candidates: Sequence[Candidate], labels: Sequence[str]) -> None:
    """Check, before anything is timed, that the models run on inputs of the same shapes as the last one.

    Raises:
        InputError: one has another batch or input size.
    """
    *models, other = (candidate for label in labels for candidate in candidates if candidate.label == label)
    for model in models:
        if (shape := describe_input(model)) != (other_shape := describe_input(other)):
            raise InputError(
                f"`compare`: {model.label} runs on inputs of {shape} and {other.label} on {other_shape}; "
                "times for different batches or input sizes cannot be compared. Export both with the same "
                "shapes or, with dynamic axes, pass `batch` and `input_size`"
            )


def compare_with_last(results: Sequence[Latency], labels: Sequence[str]) -> tuple[TimeComparison, ...]:
    """Compare the models of these labels with the last of them, in the same rounds."""
    rows = {result.label: result for result in results}
    return tuple(compare_in_rounds(rows[label], rows[labels[-1]]) for label in labels[:-1])
