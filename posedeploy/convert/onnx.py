"""A network becomes ONNX, by PyTorch's exporter that stands on torch.export."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import onnx
import torch

from posedeploy import plugins
from posedeploy.convert.gelu import regroup
from posedeploy.convert.prepare import Prepared
from posedeploy.convert.unsupported_operators import blamed, located
from posedeploy.errors import ExportError, first_line
from posedeploy.suppress_output import only_errors

OPSET = 18
"""The lowest opset that the exporter writes natively, so that the most runtimes read it."""
SCOPES, CLASSES = "pkg.torch.onnx.name_scopes", "pkg.torch.onnx.class_hierarchy"
"""Where PyTorch's exporter notes on a node which modules it comes from, as lists written out."""
_GRAPHS: WeakKeyDictionary[Prepared, onnx.ModelProto] = WeakKeyDictionary()
"""The ONNX models of the exports that are under way: each goes with its network."""


def convert(prepared: Prepared, path: Path) -> dict[str, Any]:
    """Write ``path`` (.onnx), simplified by onnxscript's optimizer and checked, in the opset of the options.

    Returns:
        The opset and the IR version, the lowest that this opset needs, for the manifest.

    Raises:
        ExportError: the network holds something that the exporter, or the opset, cannot express.
        MissingPackageError: an opset is chosen, and ONNX Runtime, which checks it, is not installed.
    """
    model, opset = graph(prepared), prepared.options.onnx.opset
    if opset is not None:
        at_opset = plugins.load("posedeploy.convert.onnx_opset:at_opset")
        model = with_lowest_ir(at_opset(model, opset, prepared))
    onnx.save(model, path)
    onnx.checker.check_model(path, full_check=True)  # the file, since checking what is in memory copies it
    return {"opset": opset or OPSET, "ir_version": model.ir_version}


def with_lowest_ir(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model, its IR version now the lowest that its opsets need: runtimes refuse files of a newer one.

    What the exporter adds for its own IR version, notes on nodes, older readers of protobuf skip.
    """
    model.ir_version = onnx.helper.find_min_ir_version_for(model.opset_import, ignore_unknown=True)
    return model


def graph(prepared: Prepared) -> onnx.ModelProto:
    """The ONNX model of a network in the precision asked for, with the names and axes of its spec; made once
    for all its targets.

    Raises:
        ExportError: the network holds something that the exporter cannot express.
        MissingPackageError: ONNX Runtime, whose converter makes the FP16 graph, is not installed.
    """
    if prepared not in _GRAPHS:
        fp16 = prepared.options.precision == "fp16"
        convert_to_fp16 = plugins.load("posedeploy.convert.fp16_graph:in_float16") if fp16 else None
        exported = _exported(prepared)
        _GRAPHS[prepared] = with_lowest_ir(convert_to_fp16(exported) if convert_to_fp16 else exported)
    return _GRAPHS[prepared]


def where(model: onnx.ModelProto, name: str) -> str:
    """``, in body.0 (ELU)`` for a node that comes from that module; '' where the exporter left no note."""
    for node in model.graph.node:
        if node.name != name:
            continue
        notes = {note.key: note.value for note in node.metadata_props}
        if SCOPES not in notes or CLASSES not in notes:
            return ""
        # The last of both is the operator itself; the first module is our own around the network.
        paths, classes = ast.literal_eval(notes[SCOPES])[:-1], ast.literal_eval(notes[CLASSES])[:-1]
        if not paths or not classes:
            return ""
        path = paths[-1].removeprefix("network").removeprefix(".") or "the network itself"
        return f", in {path} ({classes[-1].rpartition('.')[2]})"
    return ""


def _exported(prepared: Prepared) -> onnx.ModelProto:
    spec = prepared.spec
    with only_errors("torch.onnx", ignored=(FutureWarning, DeprecationWarning)):
        try:
            program = torch.onnx.export(
                prepared.module,
                prepared.example,
                dynamo=True,
                opset_version=OPSET,
                input_names=[tensor.name for tensor in spec.inputs],
                output_names=[tensor.name for tensor in spec.outputs],
                dynamic_shapes=(tuple(dict(axes) for axes in prepared.axes),) if prepared.axes else None,
                optimize=True,
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            raise ExportError(
                f"the ONNX exporter cannot take this network: {_told(error, prepared)}"
            ) from error
    assert program is not None, "with dynamo=True the exporter returns a program"
    model: onnx.ModelProto = program.model_proto
    _name_axes(model, prepared)
    regroup(model)
    return model


def _name_axes(model: onnx.ModelProto, prepared: Prepared) -> None:
    """Give every free axis the name that the spec has for it: the exporter writes formulas."""
    values = {value.name: value for value in (*model.graph.input, *model.graph.output)}
    for tensor in (*prepared.spec.inputs, *prepared.spec.outputs):
        for axis, wanted in zip(values[tensor.name].type.tensor_type.shape.dim, tensor.shape, strict=True):
            if isinstance(wanted, str):
                axis.dim_param = wanted


def _told(error: BaseException, prepared: Prepared) -> str:
    operator = blamed(error)
    if operator is None:
        return _cause(error)
    return f"it fails at the operator {located(operator, prepared)} ({_cause(error)})"


def _cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return first_line(error)
