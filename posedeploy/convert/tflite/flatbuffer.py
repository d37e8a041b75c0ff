"""Read and write the content of a TFLite file as objects of its schema."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from posedeploy.types import Array

IDENTIFIER = b"TFL3"
ALIGNMENT = 16
"""Alignment of weights in bytes, as TFLite's schema requires."""


class Builder(flatbuffers.Builder):  # type: ignore[misc]
    """A builder that aligns weights as the schema requires; the package's own does not."""

    head: int

    def CreateNumpyVector(self, x: Array) -> int:
        """Write an array of bytes aligned; write other arrays as the package does."""
        if x.dtype != np.uint8:
            return int(super().CreateNumpyVector(x))
        self.StartVector(1, x.size, ALIGNMENT)
        self.head = self.head - x.size
        self.Bytes[self.head : self.head + x.size] = x.tobytes()
        self.vectorNumElems = x.size
        return int(self.EndVector())


def read_model(content: bytes) -> Any:
    """Return the content of a file as ``ModelT`` of the schema, with all weights in its buffers.

    Some writers append the weights to the flatbuffer, which then has their places only.
    """
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    for buffer in model.buffers:
        if buffer.offset > 1:
            buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return model


def write_model(model: Any) -> bytes:
    """Return the content of the file of a ``ModelT``."""
    size = sum(len(buffer.data) for buffer in model.buffers if buffer.data is not None)
    builder = Builder(size + 4096)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())
