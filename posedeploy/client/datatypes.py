"""The datatypes of the Open Inference Protocol v2, and the tensors in a model's metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posedeploy.client.connection import ServedTensors
from posedeploy.types import TensorSpec

DTYPES = {
    "BOOL": "bool",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
    "BF16": "bfloat16",
    "BYTES": "bytes",
}
"""NumPy's name of each datatype."""
DATATYPES = {dtype: datatype for datatype, dtype in DTYPES.items()}


def parse_tensors(metadata: Mapping[str, Any]) -> ServedTensors:
    """Return the tensors in the metadata of a model.

    Raises:
        KeyError, TypeError, ValueError: the metadata has another form than the protocol's.
    """
    return ServedTensors(
        str(metadata.get("platform", "")),
        tuple(map(_spec, metadata["inputs"])),
        tuple(map(_spec, metadata["outputs"])),
    )


def _spec(tensor: Mapping[str, Any]) -> TensorSpec:
    lengths = [int(length) for length in tensor["shape"]]
    shape = tuple(length if length >= 0 else f"axis{axis}" for axis, length in enumerate(lengths))
    return TensorSpec(str(tensor["name"]), shape, DTYPES[tensor["datatype"]])
