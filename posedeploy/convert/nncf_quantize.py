"""Post-training quantization of an OpenVINO graph to INT8 with NNCF."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

from posedeploy import openvino_telemetry  # noqa: F401

# isort: split

import nncf
import numpy as np
import openvino
from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters
from nncf.quantization.range_estimator import RangeEstimatorParametersSet
from openvino import properties

from posedeploy.convert import float_layers
from posedeploy.convert.rejected_inputs import describe_rejected
from posedeploy.errors import ExportError, first_line
from posedeploy.suppress_output import only_errors
from posedeploy.types import CalibrationSet, Tensors


def quantize(model: openvino.Model, calibration: CalibrationSet, precision: str) -> openvino.Model:
    """Return a copy of an FP32 graph with INT8 layers, and sensitive operators in floating point.

    Activations with negative values are quantized asymmetrically (NNCF's preset ``mixed``), and their ranges
    come from histograms. Weights are quantized per channel.

    Args:
        precision: the precision of the export, for messages.

    Raises:
        ExportError: NNCF cannot quantize the graph, OpenVINO cannot run it on a calibration input,
            or the result of a layer, or an output, is NaN or infinite on one.
    """
    _check_finite(model, calibration, precision)
    sensitive = float_layers.find_sensitive_operators(model)
    attention = float_layers.has_attention(model)
    with redirect_stdout(io.StringIO()), only_errors("nncf"):  # progress bars
        try:
            return nncf.quantize(
                model,
                nncf.Dataset(calibration.inputs),
                preset=nncf.QuantizationPreset.MIXED,
                subset_size=len(calibration.inputs),
                model_type=nncf.ModelType.TRANSFORMER if attention else None,
                ignored_scope=nncf.IgnoredScope(
                    names=sorted(sensitive), types=list(float_layers.FLOAT_TYPES), validate=False
                ),
                advanced_parameters=AdvancedQuantizationParameters(
                    activations_range_estimator_params=RangeEstimatorParametersSet.HISTOGRAM
                ),
            )
        except (nncf.InternalError, nncf.ValidationError, nncf.UnsupportedModelError) as error:
            raise ExportError(
                f"`precision={precision}`: NNCF cannot quantize this network: {first_line(error)}; use "
                "`precision=fp32`"
            ) from error


def _check_finite(model: openvino.Model, calibration: CalibrationSet, precision: str) -> None:
    """Raise an ExportError if the result of a layer, or an output, is NaN or infinite: NNCF would ignore such
    values, and the next operators can hide them."""
    observed = model.clone()
    outputs = {result.input_value(0).get_node().get_friendly_name() for result in observed.get_results()}
    layers = float_layers.find_layers(observed) - outputs
    nodes = [node for node in observed.get_ordered_ops() if node.get_friendly_name() in layers]
    ports = [result.input_value(0) for result in observed.get_results()] + [node.output(0) for node in nodes]
    names = [min(port.get_names(), default=port.get_node().get_friendly_name()) for port in ports]
    observed.add_outputs([node.output(0) for node in nodes])
    fp32 = {properties.hint.inference_precision: "f32"}  # the default can be lower
    with _openvino_errors():
        compiled = openvino.Core().compile_model(observed, "CPU", fp32)
    for tensors in calibration.inputs:
        with _openvino_errors(tensors):
            results = compiled(tensors)
        for name, values in zip(names, results.values(), strict=True):
            if not np.isfinite(values).all():
                raise ExportError(
                    f"`precision={precision}`: values of the tensor {name} are NaN or infinite on the "
                    "calibration inputs; check the weights of the checkpoint"
                )


@contextmanager
def _openvino_errors(tensors: Tensors | None = None) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        # Places in its source code come first.
        reason = lines[-1].strip().rstrip(".") if lines else "RuntimeError"
        raise describe_rejected("OpenVINO", reason, tensors) from error
