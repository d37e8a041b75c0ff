"""What the child process of ``check.py`` does: run a TFLite file once on each set of inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from posedeploy.isolation.arrays import read_arrays, write_arrays
from posedeploy.types import TO_CHANNELS_FIRST, TO_CHANNELS_LAST, Array

Place: TypeAlias = tuple[int, bool]
"""A tensor's index in the file, and whether its channels come last there and not in the spec."""


def run(argument: Mapping[str, Any], enter: Callable[[str], None]) -> str:
    """Run the file ``argument["path"]``, its axes resized from the second run on only where they are free.

    ``argument["inputs"]`` and ``argument["outputs"]`` are what the file's signature calls the tensors of the
    spec, in its order, each with whether its channels come last in the file.

    Returns:
        LiteRT's error, at which the runs end: there are outputs of those before it. '' for none.
    """
    enter("load")
    results: list[list[Array]] = []
    try:
        interpreter = Interpreter(model_path=argument["path"])
        entries, exits = _places(interpreter, argument)
        for number in range(argument["runs"]):
            enter("run")
            inputs = read_arrays(Path(), "input", number)
            results.append(_run(interpreter, entries, exits, inputs, resized=number > 0))
    except (RuntimeError, ValueError) as error:
        return str(error) or type(error).__name__
    finally:
        write_arrays(Path(), "output", results)
    return ""


def _places(interpreter: Interpreter, argument: Mapping[str, Any]) -> tuple[list[Place], list[Place]]:
    runner = interpreter.get_signature_runner()  # the interpreter does not run while this is there

    def places(details: Mapping[str, Any], tensors: list[list[Any]]) -> list[Place]:
        return [(int(details[name]["index"]), last) for name, last in tensors]

    entries = places(runner.get_input_details(), argument["inputs"])
    return entries, places(runner.get_output_details(), argument["outputs"])


def _run(
    interpreter: Interpreter, entries: list[Place], exits: list[Place], inputs: list[Array], *, resized: bool
) -> list[Array]:
    """The outputs for these inputs, all in the order and the layout of the spec."""
    turned = [
        np.ascontiguousarray(value.transpose(TO_CHANNELS_LAST)) if last else value
        for value, (_, last) in zip(inputs, entries, strict=True)
    ]
    for value, (index, _) in zip(turned, entries, strict=True):
        interpreter.resize_tensor_input(index, value.shape, strict=resized)
    interpreter.allocate_tensors()
    for value, (index, _) in zip(turned, entries, strict=True):
        interpreter.set_tensor(index, value)
    interpreter.invoke()
    outputs = ((interpreter.get_tensor(index), last) for index, last in exits)
    return [output.transpose(TO_CHANNELS_FIRST) if last else output for output, last in outputs]
