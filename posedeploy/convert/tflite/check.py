"""Whether LiteRT's interpreter runs a TFLite file just converted and gives what PyTorch gives.

At another size too where axes are free.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from posedeploy.convert.agreement import fault, sizes
from posedeploy.convert.export_options import Route
from posedeploy.convert.prepare import Prepared
from posedeploy.errors import ExportError, first_line
from posedeploy.types import TO_CHANNELS_FIRST, TO_CHANNELS_LAST, Array, TensorSpec

Place: TypeAlias = tuple[int, bool]
"""A tensor's index in the file, and whether its channels come last there and not in the spec."""
BUILTINS = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
MISTOOK: dict[Route, str] = {
    "litert-torch": "so litert-torch mistook an operator; choose another target",
    "onnx2tf": "so onnx2tf mistook an operator; use --via litert-torch",
}
"""What is told where a file runs and gives something else, and what to do, by the route that made it."""
NOT_FREE = "so its axes are not free; fix them (leave --dynamic out), or choose another target"
"""What is told of such a file whose axes were to be free."""
REMEDY = "write that part of the network otherwise, or choose another target"


def refuse_foreign(model: Any) -> None:
    """Refuse TensorFlow's own (Flex) and custom operators: no phone has them unless the app brings them.

    Args:
        model: the file, as the schema's ``ModelT``.

    Raises:
        ExportError: there are some; named.
    """
    custom = [code.customCode.decode() for code in model.operatorCodes if code.customCode]
    flex = [name for name in custom if name.startswith("Flex")]
    if custom:
        kind = "operators of TensorFlow (Flex)" if flex else "custom operators"
        raise ExportError(
            f"the file would need {kind}, which LiteRT does not have: {_placed(model, flex or custom)}; "
            f"{REMEDY}"
        )


def check_runs(path: Path, model: Any, prepared: Prepared, about: Mapping[str, Any]) -> None:
    """Run a file once, and where axes are free at a second size, against PyTorch.

    Raises:
        ExportError: the interpreter lacks an operator, a tensor is of another type than in the network, a
            free axis is none, or the file computes something else.
    """
    try:
        interpreter = Interpreter(model_path=str(path))
    except (RuntimeError, ValueError) as error:
        raise _refusal(error, model, free=False) from error
    entries, exits = _indices(interpreter, prepared, about)
    for inputs, free in sizes(prepared):
        try:
            found = _run(interpreter, entries, exits, inputs, free)
        except (RuntimeError, ValueError) as error:
            raise _refusal(error, model, free=free) from error
        wrong = fault(found, prepared, inputs)
        if wrong:
            remedy = NOT_FREE if free else MISTOOK[prepared.options.tflite.via]
            raise ExportError(f"the converted network {wrong}, {remedy}")


def _indices(
    interpreter: Interpreter, prepared: Prepared, about: Mapping[str, Any]
) -> tuple[list[Place], list[Place]]:
    """Where each input and output of the spec is in the file, and whether its channels come last there."""
    runner = interpreter.get_signature_runner()  # the interpreter does not run while this is there
    last = about["channels_last"]

    def places(side: str, details: Mapping[str, Any], tensors: tuple[TensorSpec, ...]) -> list[Place]:
        return [(int(details[about[side][t.name]]["index"]), t.name in last) for t in tensors]

    entries = places("inputs", runner.get_input_details(), prepared.spec.inputs)
    return entries, places("outputs", runner.get_output_details(), prepared.spec.outputs)


def _run(
    interpreter: Interpreter, entries: list[Place], exits: list[Place], inputs: list[Array], resized: bool
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


def _refusal(error: Exception, model: Any, *, free: bool) -> ExportError:
    unknown = [name for name in _operators(model) if f"'{name}'" in str(error)]
    if free:
        return ExportError(
            f"--dynamic: the converted network does not run at another size ({first_line(error)}); fix "
            "its axes (leave --dynamic out), or choose another target"
        )
    what = f"operators that LiteRT does not have: {_placed(model, unknown)}" if unknown else first_line(error)
    return ExportError(f"LiteRT cannot run the converted network: {what}; {REMEDY}")


def _operators(model: Any) -> list[str]:
    """The name of each operator code, in order."""
    return [
        code.customCode.decode()
        if code.customCode
        else BUILTINS[max(code.builtinCode, code.deprecatedBuiltinCode)]
        for code in model.operatorCodes
    ]


def _placed(model: Any, operators: Sequence[str]) -> str:
    """Operators, each with the modules that it comes from."""
    return ", ".join(
        f"{operator} in {', '.join(dict.fromkeys(_places(model, operator)))}" for operator in operators
    )


def _places(model: Any, operator: str) -> Iterator[str]:
    """Where in the network an operator comes from, as far as the names of its outputs tell."""
    names = _operators(model)
    for graph in model.subgraphs:
        for node in graph.operators:
            if names[node.opcodeIndex] == operator:
                yield from (_module(graph.tensors[index].name.decode()) for index in node.outputs)


def _module(location: str) -> str:
    """The path of a module, each step with its class: ``own.Net_deployed/torch.nn.Sequential_body/
    torch.nn.ELU_1;2`` is ``Net_deployed/Sequential_body/ELU_1``."""
    steps = location.partition(";")[0].split("/")
    inside = [step.rpartition(".")[2] for step in steps if not step.startswith("posedeploy.convert.")]
    return "/".join(inside) or "the network"
