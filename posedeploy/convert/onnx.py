"""Convert a network to ONNX with PyTorch's exporter (``dynamo=True``)."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import onnx
import torch

from posedeploy import plugins
from posedeploy.convert.conversion import Conversion
from posedeploy.convert.export_options import QUANTIZED
from posedeploy.convert.gelu import regroup_gelu
from posedeploy.convert.prepare import Prepared
from posedeploy.convert.unsupported_operators import failed_operator, locate_operator
from posedeploy.errors import ExportError, first_line
from posedeploy.suppress_output import suppress_python_output

OPSET = 18
"""The lowest opset that the exporter writes natively. Most runtimes support it."""
MIN_QUANTIZED_OPSET = 13
"""The first opset in which weights have a scale for each channel."""
QUANTIZE = "posedeploy.convert.onnx_int8.quantize:make_quantizable"
SCOPES, CLASSES = "pkg.torch.onnx.name_scopes", "pkg.torch.onnx.class_hierarchy"
"""Node metadata of PyTorch's exporter: the modules that a node comes from, as printed Python lists."""


def convert(prepared: Prepared, path: Path) -> Conversion:
    """Write ``path`` (.onnx), simplified by onnxscript's optimizer and checked, in the opset of the options.

    In the precisions ``int8`` and ``mixed``, layers are quantized.

    Returns:
        The opset and the IR version (the lowest that this opset needs), as details.

    Raises:
        ExportError: the exporter or the opset does not support an operator of the network.
        MissingPackageError: an opset is set or the network is quantized, and ONNX Runtime, which this needs,
            is not installed.
    """
    if prepared.options.precision in QUANTIZED:
        return _convert_quantized(prepared, path)
    model = _with_opset(export_onnx(prepared), prepared)
    _save(model, path)
    return Conversion(precision=prepared.options.precision, details=_details(model, prepared))


def _convert_quantized(prepared: Prepared, path: Path) -> Conversion:
    """Calibrate once, and write the network with the float layers of ``prepared.write_quantized``."""
    opset = prepared.options.onnx.opset
    if opset is not None and opset < MIN_QUANTIZED_OPSET:
        raise ExportError(
            f"`opset={opset}`: quantized files need opset {MIN_QUANTIZED_OPSET} or newer; use one of these, "
            "or leave the option out"
        )
    make_quantizable = plugins.load(QUANTIZE)
    calibration = prepared.calibrate()  # first, so that bad images fail at once
    model = _with_opset(export_fp32(prepared), prepared)
    prepared.on_progress("quantizing", None)
    conversion = prepared.write_quantized(make_quantizable(model, prepared, calibration), path)
    return replace(conversion, details=_details(model, prepared))


def _with_opset(model: onnx.ModelProto, prepared: Prepared) -> onnx.ModelProto:
    """Return the model in the opset of the options."""
    opset = prepared.options.onnx.opset
    if opset is None:
        return model
    convert_opset = plugins.load("posedeploy.convert.onnx_opset:convert_opset")
    return with_lowest_ir(convert_opset(model, opset, prepared))


def _details(model: onnx.ModelProto, prepared: Prepared) -> dict[str, int]:
    return {"opset": prepared.options.onnx.opset or OPSET, "ir_version": model.ir_version}


def convert_fp32(prepared: Prepared, path: Path) -> None:
    """Write ``path`` (.onnx) in FP32 and the exporter's own opset, for a converter that reduces the precision
    itself.

    Raises:
        ExportError: the exporter does not support an operator of the network.
    """
    _save(export_fp32(prepared), path)


def _save(model: onnx.ModelProto, path: Path) -> None:
    onnx.save(model, path)
    onnx.checker.check_model(path, full_check=True)  # a check in memory would copy the model


def with_lowest_ir(model: onnx.ModelProto) -> onnx.ModelProto:
    """Set the IR version, in place, to the lowest that the opsets need: runtimes reject newer ones.

    Protobuf readers skip the node metadata that the exporter adds for its own IR version.
    """
    model.ir_version = onnx.helper.find_min_ir_version_for(model.opset_import, ignore_unknown=True)
    return model


def export_onnx(prepared: Prepared) -> onnx.ModelProto:
    """Return the ONNX model of a network in the precision of the options.

    Raises:
        ExportError: the exporter does not support an operator of the network.
        MissingPackageError: the precision is FP16, and ONNX Runtime, which converts to it, is not installed.
    """
    if prepared.options.precision != "fp16":
        return export_fp32(prepared)
    convert_to_fp16 = plugins.load("posedeploy.convert.fp16_graph:convert_to_fp16")
    return with_lowest_ir(convert_to_fp16(export_fp32(prepared)))


def export_fp32(prepared: Prepared) -> onnx.ModelProto:
    """Return the ONNX model of a network, with the names and axes of its spec. Do not change it: ``graphs``
    keeps it for the next target.

    Raises:
        ExportError: the exporter does not support an operator of the network.
    """
    shapes = prepared.spec.inputs, prepared.spec.outputs
    if shapes not in prepared.graphs:
        prepared.graphs[shapes] = with_lowest_ir(_export(prepared))
    return prepared.graphs[shapes]


def node_location(model: onnx.ModelProto, name: str) -> str:
    """Return ``, in body.0 (ELU)`` for a node of that module; empty if the exporter recorded none."""
    for node in model.graph.node:
        if node.name != name:
            continue
        metadata = {note.key: note.value for note in node.metadata_props}
        if SCOPES not in metadata or CLASSES not in metadata:
            return ""
        # The last entry is the operator; the first module is the export wrapper.
        paths, classes = ast.literal_eval(metadata[SCOPES])[:-1], ast.literal_eval(metadata[CLASSES])[:-1]
        if not paths or not classes:
            return ""
        path = paths[-1].removeprefix("network").removeprefix(".") or "the network itself"
        return f", in {path} ({classes[-1].rpartition('.')[2]})"
    return ""


def _export(prepared: Prepared) -> onnx.ModelProto:
    spec = prepared.spec
    with suppress_python_output():  # torch.export prints the whole graph if it fails
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
                f"PyTorch's ONNX exporter cannot convert this network: {_explain(error, prepared)}"
            ) from error
    assert program is not None, "with dynamo=True the exporter returns a program"
    model: onnx.ModelProto = program.model_proto
    _name_axes(model, prepared)
    regroup_gelu(model)
    return model


def _name_axes(model: onnx.ModelProto, prepared: Prepared) -> None:
    """Name dynamic axes as the spec does: the exporter names them with formulas."""
    values = {value.name: value for value in (*model.graph.input, *model.graph.output)}
    for tensor in (*prepared.spec.inputs, *prepared.spec.outputs):
        for axis, length in zip(values[tensor.name].type.tensor_type.shape.dim, tensor.shape, strict=True):
            if isinstance(length, str):
                axis.dim_param = length


def _explain(error: BaseException, prepared: Prepared) -> str:
    operator = failed_operator(error)
    if operator is None:
        return _root_cause(error)
    return f"it fails at the operator {locate_operator(operator, prepared)} ({_root_cause(error)})"


def _root_cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return first_line(error)
