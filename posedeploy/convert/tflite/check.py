"""Whether LiteRT's interpreter runs a TFLite file just converted and gives what PyTorch gives.

At another size too where axes are free.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from posedeploy.convert.agreement import fault, sizes
from posedeploy.convert.check_in_child import check_in_child
from posedeploy.convert.export_options import Route
from posedeploy.convert.prepare import Prepared
from posedeploy.errors import ExportError
from posedeploy.isolation.arrays import read_arrays
from posedeploy.isolation.tasks import work_folder
from posedeploy.types import TensorSpec

LITERT = ("LiteRT", "ai-edge-litert")
"""The runtime of the check, and its package."""
BUILTINS = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
MISTOOK: dict[Route, str] = {
    "litert-torch": "so litert-torch mistook an operator; choose another target",
    "onnx2tf": "so onnx2tf mistook an operator; use `converter=litert-torch`",
}
"""What is told where a file runs and gives something else, and what to do, by the route that made it."""
NOT_FREE = "so its axes are not free; fix them (leave `dynamic` out), or choose another target"
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
    """Run a file once, and where axes are free at a second size, in a child process, against PyTorch.

    Raises:
        ExportError: the interpreter crashes or lacks an operator, a tensor is of another type than in the
            network, a free axis is none, or the file computes something else.
    """
    runs = list(sizes(prepared))
    argument = {
        "path": str(path.absolute()),
        "runs": len(runs),
        "inputs": _names(about, "inputs", prepared.spec.inputs),
        "outputs": _names(about, "outputs", prepared.spec.outputs),
    }
    with work_folder(f"the check of {path.name}") as work:
        inputs = [arrays for arrays, _ in runs]
        error: str = check_in_child("posedeploy.convert.tflite.run:run", argument, work, inputs, LITERT)
        for number, (arrays, free) in enumerate(runs):
            found = read_arrays(work, "output", number)
            if error and not found:
                raise _refusal(error, model, free=free)
            if wrong := fault(found, prepared, arrays):
                remedy = NOT_FREE if free else MISTOOK[prepared.options.tflite.via]
                raise ExportError(f"the converted network {wrong}, {remedy}")


def _names(about: Mapping[str, Any], side: str, tensors: tuple[TensorSpec, ...]) -> list[tuple[str, bool]]:
    """What the file calls the tensors of the spec, and whether their channels come last in the file alone."""
    return [(about[side][tensor.name], tensor.name in about["channels_last"]) for tensor in tensors]


def _refusal(error: str, model: Any, *, free: bool) -> ExportError:
    unknown = [name for name in _operators(model) if f"'{name}'" in error]
    reason = error.strip().partition("\n")[0]
    if free:
        return ExportError(
            f"`dynamic`: the converted network does not run at another size ({reason}); fix "
            "its axes (leave `dynamic` out), or choose another target"
        )
    what = f"operators that LiteRT does not have: {_placed(model, unknown)}" if unknown else reason
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
