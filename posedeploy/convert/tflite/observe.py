"""Run a float TFLite file on calibration inputs and observe the values of its tensors."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeAlias

import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter

from posedeploy.convert.rejected_inputs import describe_rejected
from posedeploy.convert.tflite.graph import Graph
from posedeploy.convert.tflite.signature import Signature
from posedeploy.errors import ExportError, first_line
from posedeploy.suppress_output import suppress_stderr
from posedeploy.types import TO_CHANNELS_LAST, Array, Tensors

Observe: TypeAlias = Callable[[int, Array], None]
"""Called with the index of a tensor and its values, which are only valid during the call."""


def observe_ranges(
    graph: Graph,
    content: bytes,
    tensors: Collection[int],
    signature: Signature,
    inputs: Iterable[Tensors],
    tail: float,
) -> Mapping[str, tuple[float, float]]:
    """Return the lowest and the highest value of each of these tensors on all inputs, by its name.

    Args:
        graph: the graph of the content.
        tail: the share of the values of one input, on each side, that is left out.

    Raises:
        ExportError: LiteRT cannot run the file on an input, or the network computes NaN or infinity on one.
    """
    ranges: dict[str, tuple[float, float]] = {}

    def update(tensor: int, values: Array) -> None:
        name = graph.name_of(tensor)
        if not np.isfinite(values).all():  # before the tails are left out
            raise ExportError(
                f"the network computes NaN or infinity on a calibration input, in {name}; check its weights"
            )
        low, high = _find_range(values, tail)
        before = ranges.get(name, (low, high))
        ranges[name] = min(low, before[0]), max(high, before[1])

    _run(content, tensors, signature, inputs, update)
    return ranges


def observe_channels(
    content: bytes, tensors: Collection[int], signature: Signature, inputs: Iterable[Tensors]
) -> Mapping[int, Array]:
    """Return (channels,) the largest absolute value of each channel, for channels-last tensors by index."""
    largest: dict[int, Array] = {}

    def update(tensor: int, values: Array) -> None:
        peaks = np.abs(values).reshape(-1, values.shape[-1]).max(axis=0)
        largest[tensor] = np.maximum(largest.get(tensor, peaks), peaks)

    _run(content, tensors, signature, inputs, update)
    return largest


def _find_range(values: Array, tail: float) -> tuple[float, float]:
    count = round(tail * values.size)
    if count == 0:
        return float(values.min()), float(values.max())
    places = count, values.size - 1 - count
    low, high = np.partition(values, places, axis=None)[list(places)]
    return float(low), float(high)


def _run(
    content: bytes,
    tensors: Collection[int],
    signature: Signature,
    inputs: Iterable[Tensors],
    observe: Observe,
) -> None:
    with suppress_stderr():  # about the memory that the intermediate tensors take
        interpreter = Interpreter(
            model_content=content,
            num_threads=torch.get_num_threads(),
            experimental_preserve_all_tensors=True,
        )
        runner = interpreter.get_signature_runner()  # the interpreter cannot run while this object exists
        indices = {name: int(each["index"]) for name, each in runner.get_input_details().items()}
        del runner
        shapes: list[tuple[int, ...]] = []
        for each in inputs:
            values = {
                indices[signature.inputs[name]]: np.ascontiguousarray(
                    array.transpose(TO_CHANNELS_LAST) if name in signature.channels_last else array
                )
                for name, array in each.items()
            }
            with _litert_errors(each):
                shapes = _invoke(interpreter, values, shapes)
            for tensor in tensors:
                observe(tensor, interpreter.tensor(tensor)())


def _invoke(
    interpreter: Interpreter, values: Mapping[int, Array], shapes: Sequence[tuple[int, ...]]
) -> list[tuple[int, ...]]:
    """Run an input, and return its shapes.

    Args:
        values: by the index of the tensor. shapes: of the input before.
    """
    own = [array.shape for array in values.values()]
    if own != shapes:
        for index, array in values.items():
            interpreter.resize_tensor_input(index, array.shape)
        interpreter.allocate_tensors()
    for index, array in values.items():
        interpreter.set_tensor(index, array)
    interpreter.invoke()
    return own


@contextmanager
def _litert_errors(tensors: Tensors) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, ValueError) as error:
        raise describe_rejected("LiteRT", first_line(error), tensors) from error
