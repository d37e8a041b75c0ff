"""An ONNX graph in another opset than the exporter's own, checked in ONNX Runtime against PyTorch."""

from __future__ import annotations

import re
from collections.abc import Iterable

import onnx
import onnxruntime
from onnx import version_converter

from posedeploy.convert.agreement import SAME, fault, sizes
from posedeploy.convert.check_in_child import check_in_child
from posedeploy.convert.prepare import Prepared
from posedeploy.errors import ExportError, first_line
from posedeploy.isolation.arrays import read_arrays
from posedeploy.isolation.tasks import work_folder

OLDEST_OPSET = 7
"""The oldest that ONNX Runtime supports."""
TOLERANCES = {"fp32": SAME, "fp16": 0.1}
"""How far, of an output's largest value, the file may be from PyTorch on random inputs."""
_PLACE = re.compile(r"/onnxruntime_src/.*?\) (?=[A-Z])")
"""Where in its own source ONNX Runtime found an error."""
ONNX_RUNTIME = ("ONNX Runtime", "onnxruntime")
"""The runtime of the check, and its package."""


def at_opset(model: onnx.ModelProto, opset: int, prepared: Prepared) -> onnx.ModelProto:
    """Return the graph in an opset: converted, loaded by ONNX Runtime, and run once against PyTorch.

    Args:
        model: in the exporter's opset.

    Raises:
        ExportError: it cannot be converted, ONNX Runtime does not load it, or its outputs are not PyTorch's.
            The message has the nearest opset that works.
    """
    try:
        return _checked(model, opset, prepared)
    except ExportError as error:
        bound, candidates = _nearer(opset, _opset_of(model))
        works = next((each for each in candidates if _works(model, each, prepared)), None)
        if works is None:
            raise
        raise ExportError(
            f"{error}. The {bound} opset possible for this network is {works}: give `opset={works}`, or "
            "leave the option out"
        ) from error


def _opset_of(model: onnx.ModelProto) -> int:
    return next(int(entry.version) for entry in model.opset_import if entry.domain in ("", "ai.onnx"))


def _nearer(opset: int, own: int) -> tuple[str, Iterable[int]]:
    """The opsets between one and the exporter's own, the farthest first, and what the first that works is."""
    if opset < own:
        return "lowest", range(max(opset + 1, OLDEST_OPSET), own + 1)
    return "highest", range(min(opset - 1, onnx.defs.onnx_opset_version()), own - 1, -1)


def _works(model: onnx.ModelProto, opset: int, prepared: Prepared) -> bool:
    try:
        _checked(model, opset, prepared)
    except ExportError:
        return False
    return True


def _checked(model: onnx.ModelProto, opset: int, prepared: Prepared) -> onnx.ModelProto:
    if not 1 <= opset <= onnx.defs.onnx_opset_version():
        raise ExportError(
            f"`opset={opset}`: there is no such opset; onnx {onnx.__version__} knows 1 to "
            f"{onnx.defs.onnx_opset_version()}"
        )
    converted = _converted(model, opset)
    if problem := _problem(converted, prepared):
        raise ExportError(f"`opset={opset}`: {problem}")
    return converted


def _converted(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    if opset == _opset_of(model):
        return model
    try:
        converted: onnx.ModelProto = version_converter.convert_version(model, opset)
    except (RuntimeError, version_converter.ConvertError) as error:
        cause = first_line(error).rpartition("failed: ")[2].replace("$", "")
        raise ExportError(
            f"`opset={opset}`: the onnx version converter cannot bring this network there ({cause})"
        ) from error
    return converted


def _problem(model: onnx.ModelProto, prepared: Prepared) -> str:
    """Why the graph is of no use; empty where ONNX Runtime runs it as PyTorch runs the network."""
    runs = [inputs for inputs, _ in sizes(prepared)]
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
            return f"ONNX Runtime {onnxruntime.__version__} does not run the file ({cause})"
        tolerance = TOLERANCES[prepared.options.precision]
        for number, inputs in enumerate(runs):
            if wrong := fault(read_arrays(work, "output", number), prepared, inputs, tolerance):
                return f"the file {wrong}"
    return ""
