"""Convert an ONNX graph to another opset, and check it with ONNX Runtime against PyTorch."""

from __future__ import annotations

import re
from collections.abc import Iterable

import onnx
import onnxruntime
from onnx import version_converter

from posedeploy.convert.agreement import MAX_RELATIVE_DIFFERENCE, find_mismatch, generate_runs
from posedeploy.convert.check_in_child import check_in_child
from posedeploy.convert.prepare import Prepared
from posedeploy.errors import ExportError, first_line
from posedeploy.isolation.arrays import read_arrays
from posedeploy.isolation.tasks import work_folder

OLDEST_OPSET = 7
"""The oldest opset that ONNX Runtime supports."""
TOLERANCES = {"fp16": 0.1}
"""Tolerances on random inputs other than ``MAX_RELATIVE_DIFFERENCE``, as a fraction of an output's largest
value. A graph that will be quantized is still in FP32."""
_PLACE = re.compile(r"/onnxruntime_src/.*?\) (?=[A-Z])")
"""The source location in ONNX Runtime's error messages."""
ONNX_RUNTIME = ("ONNX Runtime", "onnxruntime")
"""The runtime that checks the graph, and its package."""


def convert_opset(model: onnx.ModelProto, opset: int, prepared: Prepared) -> onnx.ModelProto:
    """Return the graph converted to an opset, after ONNX Runtime has run it once against PyTorch.

    Args:
        model: in the opset of the exporter.

    Raises:
        ExportError: it cannot be converted, ONNX Runtime does not load it, or its outputs differ from
            PyTorch's. The message names the nearest opset that works.
    """
    try:
        return _convert_and_check(model, opset, prepared)
    except ExportError as error:
        bound, candidates = _nearer_opsets(opset, _opset_of(model))
        nearest = next((each for each in candidates if _works(model, each, prepared)), None)
        if nearest is None:
            raise
        raise ExportError(
            f"{error}. The {bound} opset that works for this network is {nearest}; use `opset={nearest}`, or "
            "leave the option out"
        ) from error


def _opset_of(model: onnx.ModelProto) -> int:
    return next(int(entry.version) for entry in model.opset_import if entry.domain in ("", "ai.onnx"))


def _nearer_opsets(opset: int, own: int) -> tuple[str, Iterable[int]]:
    """Return ``lowest`` or ``highest``, and the opsets between this one and the exporter's, farthest
    first."""
    if opset < own:
        return "lowest", range(max(opset + 1, OLDEST_OPSET), own + 1)
    return "highest", range(min(opset - 1, onnx.defs.onnx_opset_version()), own - 1, -1)


def _works(model: onnx.ModelProto, opset: int, prepared: Prepared) -> bool:
    try:
        _convert_and_check(model, opset, prepared)
    except ExportError:
        return False
    return True


def _convert_and_check(model: onnx.ModelProto, opset: int, prepared: Prepared) -> onnx.ModelProto:
    if not 1 <= opset <= onnx.defs.onnx_opset_version():
        raise ExportError(
            f"`opset={opset}`: expected 1 to {onnx.defs.onnx_opset_version()}, which onnx {onnx.__version__} "
            "supports"
        )
    converted = _convert(model, opset)
    if problem := _find_problem(converted, prepared):
        raise ExportError(f"`opset={opset}`: {problem}")
    return converted


def _convert(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    if opset == _opset_of(model):
        return model
    try:
        converted: onnx.ModelProto = version_converter.convert_version(model, opset)
    except (RuntimeError, version_converter.ConvertError) as error:
        cause = first_line(error).rpartition("failed: ")[2].replace("$", "")
        raise ExportError(
            f"`opset={opset}`: onnx's version converter cannot convert this network ({cause})"
        ) from error
    return converted


def _find_problem(model: onnx.ModelProto, prepared: Prepared) -> str:
    """Return why the graph cannot be used; empty if its outputs in ONNX Runtime agree with PyTorch's."""
    runs = [inputs for inputs, _ in generate_runs(prepared)]
    with work_folder("the check of an ONNX graph") as work:
        onnx.save(model, work / "graph.onnx")
        argument = {
            "path": str(work / "graph.onnx"),
            "runs": len(runs),
            "inputs": [tensor.name for tensor in prepared.spec.inputs],
            "outputs": [tensor.name for tensor in prepared.spec.outputs],
        }
        error: str = check_in_child("posedeploy.convert.onnx_run:run", argument, work, runs, ONNX_RUNTIME)
        if error:
            cause = _PLACE.sub("", error.strip().partition("\n")[0])
            return f"ONNX Runtime {onnxruntime.__version__} cannot run the file ({cause})"
        tolerance = TOLERANCES.get(prepared.options.precision, MAX_RELATIVE_DIFFERENCE)
        for number, inputs in enumerate(runs):
            if mismatch := find_mismatch(read_arrays(work, "output", number), prepared, inputs, tolerance):
                return f"the file {mismatch}"
    return ""
