"""Run a newly converted TFLite file in LiteRT's interpreter and compare it with PyTorch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from posedeploy.convert.agreement import (
    MAX_RELATIVE_DIFFERENCE,
    find_large_error,
    find_mismatch,
    generate_runs,
)
from posedeploy.convert.check_in_child import check_in_child
from posedeploy.convert.export_options import TfliteConverter
from posedeploy.convert.prepare import Prepared
from posedeploy.convert.tflite.flatbuffer import read_model
from posedeploy.convert.tflite.graph import BUILTINS
from posedeploy.convert.tflite.signature import Signature
from posedeploy.errors import ExportError
from posedeploy.isolation.arrays import read_arrays
from posedeploy.isolation.tasks import work_folder
from posedeploy.types import Tensors, TensorSpec

LITERT = ("LiteRT", "ai-edge-litert")
"""The runtime that checks the file, and its package."""
MISCONVERTED: dict[TfliteConverter, str] = {
    "litert-torch": "so litert-torch converted an operator wrongly; choose another target",
    "onnx2tf": "so onnx2tf converted an operator wrongly; use `converter=litert-torch`",
}
"""The end of the message about wrong outputs, by converter."""
MISQUANTIZED = "so ai-edge-quantizer quantized an operator wrongly; use `precision=fp32`"
"""The same in a reduced precision."""
MORE_PRECISE = "use `activations=int16` or `activations=dynamic`, or `precision=fp16`"
"""The same on real inputs."""
FIXED_AXES = "so its axes are not dynamic; leave `dynamic` out, or choose another target"
"""The end of the message about wrong outputs at the second size."""
REMEDY = "rewrite that part of the network, or choose another target"


def check(path: Path, prepared: Prepared, signature: Signature) -> None:
    """Check the operators of a file in FP32, and compare its outputs with PyTorch's.

    Args:
        signature: as the converter wrote it.

    Raises:
        ExportError: LiteRT's interpreter lacks an operator of the file, an axis is not dynamic in it, or the
            outputs differ.
    """
    model = read_model(path.read_bytes())
    refuse_custom_operators(model)
    check_runs(path, model, prepared, signature)


def refuse_custom_operators(model: Any) -> None:
    """Reject TensorFlow (Flex) and custom operators, which a phone only has if the app includes them.

    Args:
        model: the file as ``ModelT`` of the schema.

    Raises:
        ExportError: the file contains some.
    """
    custom = [code.customCode.decode() for code in model.operatorCodes if code.customCode]
    flex = [name for name in custom if name.startswith("Flex")]
    if custom:
        kind = "TensorFlow operators (Flex)" if flex else "custom operators"
        raise ExportError(
            f"the file needs {kind}, which LiteRT does not have: {_with_modules(model, flex or custom)}; "
            f"{REMEDY}"
        )


def check_runs(
    path: Path,
    model: Any,
    prepared: Prepared,
    signature: Signature,
    *,
    is_reduced: bool = False,
    samples: Sequence[Tensors] = (),
) -> None:
    """Run a file in a child process, also at a second size if axes are dynamic, and compare it with PyTorch.

    Args:
        is_reduced: the precision of the file is reduced, so that its values are not compared, only the types,
            the shapes and whether the values are finite.
        samples: real inputs, on which a quantized network must resemble PyTorch.

    Raises:
        ExportError: the interpreter crashes or lacks an operator, a tensor has another type than in the
            network, an axis is not dynamic, or the outputs differ.
    """
    runs = list(generate_runs(prepared))
    random_runs = len(runs)
    runs += [([sample[tensor.name] for tensor in prepared.spec.inputs], False) for sample in samples]
    argument = {
        "path": str(path.absolute()),
        "runs": len(runs),
        "inputs": _names(signature.inputs, prepared.spec.inputs, signature),
        "outputs": _names(signature.outputs, prepared.spec.outputs, signature),
    }
    with work_folder(f"the check of {path.name}") as work:
        inputs = [arrays for arrays, _ in runs]
        error: str = check_in_child("posedeploy.convert.tflite.run:run", argument, work, inputs, LITERT)
        for number, (arrays, is_resized) in enumerate(runs):
            outputs = read_arrays(work, "output", number)
            if error and not outputs:
                raise _run_error(error, model, is_resized=is_resized)
            if number >= random_runs:
                if large := find_large_error(outputs, prepared, arrays):
                    raise ExportError(f"the quantized network {large}; {MORE_PRECISE}")
                continue
            tolerance = None if is_reduced else MAX_RELATIVE_DIFFERENCE
            if mismatch := find_mismatch(outputs, prepared, arrays, tolerance):
                converted = MISQUANTIZED if is_reduced else MISCONVERTED[prepared.options.tflite.converter]
                remedy = FIXED_AXES if is_resized else converted
                raise ExportError(f"the converted network {mismatch}, {remedy}")


def _names(
    names: Mapping[str, str], tensors: tuple[TensorSpec, ...], signature: Signature
) -> list[tuple[str, bool]]:
    """Return the names of tensors in the file, and whether they are channels last only in the file."""
    return [(names[tensor.name], tensor.name in signature.channels_last) for tensor in tensors]


def _run_error(error: str, model: Any, *, is_resized: bool) -> ExportError:
    unknown = [name for name in _operators(model) if f"'{name}'" in error]
    reason = error.strip().partition("\n")[0]
    if is_resized:
        return ExportError(
            f"`dynamic`: the converted network does not run at another size ({reason}); leave "
            "`dynamic` out, or choose another target"
        )
    what = f"operators that LiteRT does not have: {_with_modules(model, unknown)}" if unknown else reason
    return ExportError(f"LiteRT cannot run the converted network: {what}; {REMEDY}")


def _operators(model: Any) -> list[str]:
    """Return the name of each operator code, in order."""
    return [
        code.customCode.decode()
        if code.customCode
        else BUILTINS[max(code.builtinCode, code.deprecatedBuiltinCode)]
        for code in model.operatorCodes
    ]


def _with_modules(model: Any, operators: Sequence[str]) -> str:
    """Return operators with the modules that they come from."""
    return ", ".join(
        f"{operator} in {', '.join(dict.fromkeys(_modules_of(model, operator)))}" for operator in operators
    )


def _modules_of(model: Any, operator: str) -> Iterator[str]:
    """Yield the modules that an operator comes from, as the names of its outputs record them."""
    names = _operators(model)
    for graph in model.subgraphs:
        for node in graph.operators:
            if names[node.opcodeIndex] == operator:
                yield from (_module_path(graph.tensors[index].name.decode()) for index in node.outputs)


def _module_path(location: str) -> str:
    """Return the path of a module, with the class of each step: ``own.Net_deployed/torch.nn.Sequential_body/
    torch.nn.ELU_1;2`` is ``Net_deployed/Sequential_body/ELU_1``."""
    steps = location.partition(";")[0].split("/")
    inside = [step.rpartition(".")[2] for step in steps if not step.startswith("posedeploy.convert.")]
    return "/".join(inside) or "the network itself"
