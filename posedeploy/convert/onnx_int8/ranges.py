"""The ranges of the tensors of an ONNX graph on calibration inputs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime

from posedeploy.convert.best_range import best_range
from posedeploy.convert.rejected_inputs import describe_rejected
from posedeploy.errors import ExportError, first_line
from posedeploy.types import Array, CalibrationSet, Tensors

BINS = 2048
MAX_VALUES = 1 << 17
"""The most values of a tensor that enter its histogram for each calibration input, evenly spaced."""
FATAL_ONLY = 4


@dataclass(frozen=True)
class Extremes:
    """The smallest and the largest values of a tensor: numbers, or arrays by channel.

    elements: the number of its values in one run.
    """

    low: Array
    high: Array
    elements: int = 0

    def joined(self, other: Extremes) -> Extremes:
        """Return the extremes over both."""
        low, high = np.minimum(self.low, other.low), np.maximum(self.high, other.high)
        return Extremes(low, high, max(self.elements, other.elements))

    @property
    def largest(self) -> Array:
        """The largest absolute values."""
        magnitudes: Array = np.maximum(np.abs(self.low), np.abs(self.high))
        return magnitudes


def run_on(
    model: onnx.ModelProto, names: Collection[str], calibration: CalibrationSet
) -> Iterator[dict[str, Array]]:
    """Yield tensors inside a graph, by name, for each calibration input.

    Raises:
        ExportError: ONNX Runtime cannot run the graph on these inputs.
    """
    observed = onnx.ModelProto()
    observed.CopyFrom(model)
    existing = {value.name for value in observed.graph.output}
    observed.graph.output.extend(
        onnx.ValueInfoProto(name=name) for name in sorted(names) if name not in existing
    )
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = FATAL_ONLY
    ordered = sorted(names)
    with _onnxruntime_errors():
        session = onnxruntime.InferenceSession(
            observed.SerializeToString(), settings, providers=["CPUExecutionProvider"]
        )
    for tensors in calibration.inputs:
        with _onnxruntime_errors(tensors):
            arrays = session.run(ordered, dict(tensors))
        yield dict(zip(ordered, arrays, strict=True))


@contextmanager
def _onnxruntime_errors(tensors: Tensors | None = None) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # ONNX Runtime's exceptions have no common base class
        if not type(error).__module__.startswith("onnxruntime"):
            raise
        raise describe_rejected("ONNX Runtime", first_line(error), tensors) from error


def measure_extremes(
    model: onnx.ModelProto, names: Collection[str], by_channel: Collection[str], calibration: CalibrationSet
) -> dict[str, Extremes]:
    """Return the extremes of tensors over all calibration inputs.

    Args:
        by_channel: those of the tensors that are measured for each channel, axis 1.

    Raises:
        ExportError: some values are NaN or infinite.
    """
    extremes: dict[str, Extremes] = {}
    for values in run_on(model, names, calibration):
        for name, array in values.items():
            axes = tuple(axis for axis in range(array.ndim) if axis != 1) if name in by_channel else None
            measured = Extremes(array.min(axis=axes), array.max(axis=axes), array.size)
            if not (np.isfinite(measured.low).all() and np.isfinite(measured.high).all()):
                raise ExportError(
                    f"the network cannot be quantized: values of its tensor {name} are NaN or infinite on "
                    "the calibration inputs; check the weights of the checkpoint"
                )
            extremes[name] = extremes[name].joined(measured) if name in extremes else measured
    return extremes


def measure_ranges(
    model: onnx.ModelProto, extremes: Mapping[str, Extremes], calibration: CalibrationSet
) -> dict[str, tuple[float, float]]:
    """Return the range of each tensor for which 8 bits give the smallest squared error.

    Args:
        extremes: the least and largest value of each tensor.
    """
    limits = {
        name: (min(float(each.low), 0.0), max(float(each.high), 0.0)) for name, each in extremes.items()
    }
    counts = {name: np.zeros(BINS) for name in limits}
    for values in run_on(model, limits, calibration):
        for name, array in values.items():
            flat = array.ravel()
            flat = flat[:: -(-flat.size // MAX_VALUES)]
            counts[name] += np.histogram(flat[flat != 0], BINS, limits[name])[0]  # zero is exact in any range
    return {name: best_range(counts[name], *limits[name]) for name in limits}
