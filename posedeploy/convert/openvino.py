"""Convert a network to OpenVINO IR from its ONNX graph."""

from __future__ import annotations

import errno
import logging
import os
import re
import shutil
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from posedeploy import openvino_telemetry  # noqa: F401

# isort: split

import openvino
from onnx import ModelProto
from openvino import frontend, properties

from posedeploy import plugins
from posedeploy.backends import TARGETS
from posedeploy.convert import onnx
from posedeploy.convert.conversion import Conversion
from posedeploy.convert.export_options import QUANTIZED
from posedeploy.convert.float_layers import (
    find_early_and_depthwise_layers,
    find_layers,
    find_sensitive_operators,
)
from posedeploy.convert.layer_choice import Layer, QuantizableNetwork
from posedeploy.convert.prepare import Prepared
from posedeploy.convert.restore_layers import estimate_costs, restore
from posedeploy.convert.unsupported_operators import MAX_LISTED
from posedeploy.errors import ExportError, OutputError, first_line
from posedeploy.native_paths import native_path
from posedeploy.printable import listed
from posedeploy.types import Precision

INFERENCE_PRECISIONS: Mapping[str, Precision] = {"bf16": "bf16", "mixed": "bf16"}
"""The precision of the float layers at run time, by the precision of the export. Files in BF16 and FP32 are
the same: the runner passes the recorded precision to OpenVINO."""
CONVERSION_ERRORS = (
    RuntimeError, frontend.GeneralFailure, frontend.InitializationFailure, frontend.NotImplementedFailure,
    frontend.OpConversionFailure, frontend.OpValidationFailure,
)  # fmt: skip
_UNSUPPORTED = re.compile(r"No conversion rule found for operations: (.+)")
_FAILED = re.compile(r"^-- (\S+?)(?:-\d+)? with a message:", re.MULTILINE)
QUANTIZE = "posedeploy.convert.nncf_quantize:quantize"
logger = logging.getLogger(__name__)


def convert(prepared: Prepared, path: Path) -> Conversion:
    """Write ``path`` (.xml), and its weights as ``.bin`` in the same folder.

    The weights are FP16 for the precision ``fp16``, INT8 in quantized layers, and otherwise FP32.

    Raises:
        ExportError: ONNX or OpenVINO does not support an operator of the network, or it cannot be quantized.
        MissingPackageError: the precision needs NNCF, which is not installed.
        OutputError: OpenVINO cannot write its files.
        OSError: the disk is full, or the files cannot be written.
    """
    precision = prepared.options.precision
    if precision in QUANTIZED:
        return _convert_quantized(prepared, path)
    _save(_build(prepared, path), path, compress_to_fp16=precision == "fp16")
    return Conversion(precision=precision, inference_precision=INFERENCE_PRECISIONS.get(precision))


def _convert_quantized(prepared: Prepared, path: Path) -> Conversion:
    """Calibrate once, and write the network with the float layers of ``prepared.write_quantized``.

    Under a budget, these are chosen among all layers, in ``mixed`` too. In ``int8``, layers that are put back
    run in BF16 where the CPU of this machine supports it, otherwise in FP32.
    """
    precision, under_budget = prepared.options.precision, bool(prepared.options.budget)
    quantize = plugins.load(QUANTIZE)
    if precision == "mixed" and under_budget and not _has_bf16():
        raise _budget_in_mixed_error("this CPU has no bf16 instructions")
    calibration = prepared.calibrate()  # first, so that bad images fail at once
    original = _build(prepared, path)
    is_chosen = precision == "int8" or under_budget
    in_float = set[str]() if is_chosen else find_early_and_depthwise_layers(original)
    int8 = find_layers(original) - find_sensitive_operators(original)
    if not int8 - in_float:
        raise ExportError(
            f"`precision={precision}`: no layer of this network is left for INT8: output layers and, in "
            "mixed precision, early and depthwise layers stay in floating point; use `precision=bf16`"
        )
    prepared.on_progress("quantizing", None)
    quantized = quantize(original, calibration, precision)
    put_back_precision = _budget_precision(quantized, precision) if under_budget else None
    conversion = Conversion(
        precision=precision,
        inference_precision=INFERENCE_PRECISIONS.get(precision),
        packages=(*TARGETS["openvino"].packages, "nncf"),
        calibration=calibration.record,
    )

    def write(float_layers: Collection[str], trial: Path) -> Conversion:
        names = in_float.union(float_layers)
        _save(restore(quantized, original, names, int8) if names else quantized, trial)
        if float_layers and put_back_precision is not None:
            return replace(conversion, inference_precision=put_back_precision)
        return conversion

    layers = _list_layers(original, int8 - in_float, prepared)
    return prepared.write_quantized(QuantizableNetwork(layers, write), path)


def _budget_precision(quantized: openvino.Model, precision: str) -> Precision:
    """Return the precision of the layers that are put back, whose trials run on the CPU of this machine."""
    if not _has_bf16():
        return "fp32"
    try:
        openvino.Core().compile_model(
            quantized, "CPU", {properties.hint.inference_precision: openvino.Type.bf16}
        )
    except RuntimeError as error:
        reason = (
            f"OpenVINO cannot compile this network in bf16: {first_line(error).rpartition(':')[2].strip()}"
        )
        if precision == "mixed":
            raise _budget_in_mixed_error(reason) from error
        logger.warning(f"{reason}; layers that are put back run in fp32")
        return "fp32"
    return "bf16"


def _budget_in_mixed_error(reason: str) -> ExportError:
    return ExportError(
        f"`precision=mixed`: {reason}, so the poses of a file with bf16 layers cannot be compared with the "
        "`budget` here; use `precision=int8`, leave `budget` out, or export on a machine with such a CPU"
    )


def _has_bf16() -> bool:
    return "BF16" in openvino.Core().get_property("CPU", properties.device.capabilities)


def _list_layers(model: openvino.Model, names: Collection[str], prepared: Prepared) -> tuple[Layer, ...]:
    """Return the layers of these names with their costs for the example inputs."""
    sized = model.clone()
    shapes = zip(sized.inputs, prepared.example, strict=True)
    sized.reshape({port.any_name: list(example.shape) for port, example in shapes})
    return tuple(Layer(name, cost) for name, cost in estimate_costs(sized) if name in names)


def _build(prepared: Prepared, path: Path) -> openvino.Model:
    """Return the graph in FP32, by way of an ONNX file next to ``path``."""
    onnx_path = path.with_suffix(".onnx")
    onnx.convert_fp32(prepared, onnx_path)
    try:
        with native_path(onnx_path, forbidden=",") as usable:  # OpenVINO splits the path at commas
            return openvino.convert_model(usable)
    except CONVERSION_ERRORS as error:
        reason = _explain(error, onnx.export_fp32(prepared))
        raise ExportError(f"OpenVINO cannot convert this network: {reason}") from error
    finally:
        onnx_path.unlink()


def _explain(error: Exception, model: ModelProto) -> str:
    """Return the operators that OpenVINO does not support, with modules, or the cause of another error."""
    text = str(error)
    if match := _UNSUPPORTED.search(text):
        kinds = [re.sub(r"-\d+$", "", name) for name in match[1].split(", ")]
        return f"it does not support {listed([_locate(kind, model) for kind in kinds], MAX_LISTED)}"
    lines = [line.strip() for line in text.partition("\nSummary:")[0].splitlines() if line.strip()]
    cause = lines[-1] if lines else type(error).__name__
    return f"{match[1]}: {cause}" if (match := _FAILED.search(text)) else cause


def _locate(kind: str, model: ModelProto) -> str:
    """Return the type of an operator with the first node of this type and its module."""
    names = [node.name for node in model.graph.node if node.op_type == kind.rpartition(".")[2]]
    return f"{kind} (node {names[0]}{onnx.node_location(model, names[0])})" if names else kind


def _save(model: openvino.Model, path: Path, *, compress_to_fp16: bool = False) -> None:
    size = sum(node.get_byte_size() for node in model.get_ops() if node.get_type_name() == "Constant")
    model.set_friendly_name(path.stem)
    try:
        openvino.save_model(model, path, compress_to_fp16=compress_to_fp16)
    except RuntimeError as error:
        if shutil.disk_usage(path.parent).free < size:  # the IR has about the size of its constants
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        reason = " ".join(str(error).split())
        raise OutputError(f"{path.name}: OpenVINO cannot write this file ({reason})") from error
