"""The precision in which OpenVINO runs a file: the setting, and the report of the compiled model."""

from __future__ import annotations

from collections import Counter
from typing import Any

from posedeploy import openvino_telemetry  # noqa: F401

# isort: split

import openvino
from openvino import properties

from posedeploy.errors import DeviceError
from posedeploy.runtimes.run_options import recorded_precision, required_precision
from posedeploy.types import Artifact, Precision, RunOptions

PRECISIONS = {"fp32": openvino.Type.f32, "fp16": openvino.Type.f16, "bf16": openvino.Type.bf16}
NAMES = {"f32": "fp32", "f16": "fp16", "i8": "int8", "u8": "int8"}
"""posedeploy's names of precisions by OpenVINO's."""
CAPABILITIES = {"fp32": "FP32", "fp16": "FP16", "bf16": "BF16"}
"""OpenVINO's names of the precisions that a device supports."""
LAYERS = {
    "Convolution": "convolutions",
    "Deconvolution": "transposed convolutions",
    "FullyConnected": "matrix products",
    "MatMul": "matrix products",
}
"""The layer types that determine the precision of a network, with their classes in reports."""


def set_precision(
    core: openvino.Core, device: str, artifact: Artifact, options: RunOptions
) -> tuple[Precision, dict[str, Any]]:
    """Return the precision for an artifact, ``auto`` for the runtime's choice, and its OpenVINO properties.

    Raises:
        DeviceError: the options have another precision than the file requires, or the device lacks it.
    """
    recorded = recorded_precision(artifact, options)
    precision = recorded or options.precision or required_precision(artifact)
    if precision == "auto":
        return precision, {}
    if precision not in PRECISIONS:
        raise DeviceError(f"`precision={precision}`: OpenVINO supports {', '.join(PRECISIONS)} and auto")
    if recorded is not None and device != "AUTO":
        _check_capability(core, device, artifact, recorded)
    return precision, {properties.hint.inference_precision: PRECISIONS[precision]}


def _check_capability(core: openvino.Core, device: str, artifact: Artifact, precision: str) -> None:
    if not has_arithmetic(core, device, precision):
        raise DeviceError(
            f"{artifact.path}: exported in {artifact.precision}, which needs {precision} arithmetic, but "
            f"OpenVINO reports none for {device} on this machine; run it on a processor with {precision}, or "
            "export it in fp32"
        )


def has_arithmetic(core: openvino.Core, device: str, precision: str) -> bool:
    """Return whether a device reports arithmetic in a precision."""
    return CAPABILITIES[precision] in core.get_property(device, properties.device.capabilities)


def reported_precision(name: str) -> str:
    """Return posedeploy's name of a precision of OpenVINO."""
    return NAMES.get(name, name)


def count_layers(compiled: openvino.CompiledModel) -> dict[str, Counter[str]]:
    """Return the precisions of the layers with weights, by class of layers; empty if the device does not
    report them."""
    try:
        operations = compiled.get_runtime_model().get_ops()
    except RuntimeError:  # not every device supports this
        return {}
    counts: dict[str, Counter[str]] = {}
    for operation in operations:
        info = operation.get_rt_info()
        kind = LAYERS.get(info["layerType"].astype(str)) if "layerType" in info else None
        if kind is not None:
            counts.setdefault(kind, Counter())[_precision_of(info)] += 1
    return counts


def _precision_of(info: Any) -> str:
    """Return the precision of a layer, the suffix of its kernel's name, such as ``brgconv_avx512_f32``.

    The CPU plugin reports a ``runtimePrecision`` of f16 for FP16 weights that it converts to FP32.
    """
    kernel = info["primitiveType"].astype(str).rpartition("_")[2] if "primitiveType" in info else ""
    known = {*NAMES, *PRECISIONS}
    return reported_precision(kernel if kernel in known else info["runtimePrecision"].astype(str))
