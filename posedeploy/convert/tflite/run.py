"""The task of ``check``'s child process: run a TFLite file once on each set of inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from posedeploy.isolation.arrays import read_arrays, write_arrays
from posedeploy.types import TO_CHANNELS_FIRST, TO_CHANNELS_LAST, Array

TensorSlot: TypeAlias = tuple[int, bool]
"""A tensor's index in the file, and whether it is channels last only in the file."""


def run(argument: Mapping[str, Any], enter: Callable[[str], None]) -> str:
    """Run the file ``argument["path"]``. From the second run on, only dynamic axes are resized.

    ``argument["inputs"]`` and ``argument["outputs"]`` are the names in the file's signature, in the order of
    the spec, each with whether the tensor is channels last only in the file.

    Returns:
        LiteRT's error message, empty if all runs succeeded. Outputs of the runs before it are written.
    """
    enter("load")
    results: list[list[Array]] = []
    try:
        interpreter = Interpreter(model_path=argument["path"])
        entries, exits = _slots(interpreter, argument)
        for number in range(argument["runs"]):
            enter("run")
            inputs = read_arrays(Path(), "input", number)
            results.append(_run(interpreter, entries, exits, inputs, is_resized=number > 0))
    except (RuntimeError, ValueError) as error:
        return str(error) or type(error).__name__
    finally:
        write_arrays(Path(), "output", results)
    return ""


def _slots(
    interpreter: Interpreter, argument: Mapping[str, Any]
) -> tuple[list[TensorSlot], list[TensorSlot]]:
    runner = interpreter.get_signature_runner()  # the interpreter cannot run while this object exists

    def slots(details: Mapping[str, Any], tensors: list[list[Any]]) -> list[TensorSlot]:
        return [(int(details[name]["index"]), last) for name, last in tensors]

    entries = slots(runner.get_input_details(), argument["inputs"])
    return entries, slots(runner.get_output_details(), argument["outputs"])


def _run(
    interpreter: Interpreter,
    entries: list[TensorSlot],
    exits: list[TensorSlot],
    inputs: list[Array],
    *,
    is_resized: bool,
) -> list[Array]:
    """Return the outputs for these inputs, in the order and the layout of the spec."""
    values = [
        np.ascontiguousarray(value.transpose(TO_CHANNELS_LAST)) if last else value
        for value, (_, last) in zip(inputs, entries, strict=True)
    ]
    for value, (index, _) in zip(values, entries, strict=True):
        interpreter.resize_tensor_input(index, value.shape, strict=is_resized)
    interpreter.allocate_tensors()
    for value, (index, _) in zip(values, entries, strict=True):
        interpreter.set_tensor(index, value)
    interpreter.invoke()
    outputs = ((interpreter.get_tensor(index), last) for index, last in exits)
    return [output.transpose(TO_CHANNELS_FIRST) if last else output for output, last in outputs]
