"""Name the tensors of a newly converted TFLite file and write its metadata.

The metadata follow TFLite's schema (tflite-support, ``metadata_schema.fbs``, version 1.0.0), which mobile
tools read. They contain the names of the tensors and of the embedded manifest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from posedeploy import embedded_manifest
from posedeploy.convert.prepare import Prepared
from posedeploy.convert.tflite.flatbuffer import read_model, write_model
from posedeploy.convert.tflite.signature import Signature
from posedeploy.types import InputContract, ModelSpec, TensorSpec

METADATA, METADATA_IDENTIFIER = b"TFLITE_METADATA", b"M001"


def finish(path: Path, prepared: Prepared, signature: Signature) -> None:
    """Rename the tensors of a file and add its metadata, in place.

    Args:
        signature: as the converter wrote it.
    """
    model = read_model(path.read_bytes())
    _rename(model, prepared.spec, signature)
    _add_metadata(model, path.stem, prepared.spec, signature.channels_last)
    path.write_bytes(write_model(model))


def _rename(model: Any, spec: ModelSpec, written: Signature) -> None:
    """Rename the signature's entries and tensors to the names of the spec."""
    (signature,) = model.signatureDefs
    tensors = model.subgraphs[signature.subgraphIndex].tensors
    for old, entries, specs in (
        (written.inputs, signature.inputs, spec.inputs),
        (written.outputs, signature.outputs, spec.outputs),
    ):
        names = {old[tensor.name]: tensor.name for tensor in specs}
        for entry in entries:
            entry.name = names[entry.name.decode()]
            tensors[entry.tensorIndex].name = entry.name


def _add_metadata(model: Any, name: str, spec: ModelSpec, last: Sequence[str]) -> None:
    (signature,) = model.signatureDefs
    graph = model.subgraphs[signature.subgraphIndex]
    inputs = _order(graph.inputs, signature.inputs)
    content = _metadata(name, spec, last, inputs, _order(graph.outputs, signature.outputs))
    model.buffers.append(schema.BufferT(data=np.frombuffer(content, np.uint8)))
    model.metadata = [*(model.metadata or []), schema.MetadataT(METADATA, len(model.buffers) - 1)]


def _order(indices: Iterable[int], entries: Iterable[Any]) -> list[str]:
    """Return the names of a graph's inputs or outputs, in the order of the graph."""
    names = {entry.tensorIndex: entry.name for entry in entries}
    return [names[index] for index in indices]


def _metadata(
    name: str, spec: ModelSpec, last: Sequence[str], inputs: list[str], outputs: list[str]
) -> bytes:
    """Return a ModelMetadata table of the metadata schema, with the known fields."""
    builder = flatbuffers.Builder(1024)
    manifest = _table(
        builder,
        4,
        {
            0: builder.CreateString(embedded_manifest.NAME),
            1: builder.CreateString("posedeploy's manifest, JSON"),
        },
    )
    tensors = {tensor.name: tensor for tensor in (*spec.inputs, *spec.outputs)}
    sides = [
        _vector(builder, [_tensor(builder, tensors[each], spec.contract, last) for each in side])
        for side in (inputs, outputs)
    ]
    graph = _table(builder, 7, {2: sides[0], 3: sides[1]})
    description = f"{spec.family}, {spec.variant}" if spec.variant else spec.family
    fields = {
        0: builder.CreateString(name),
        1: builder.CreateString(description),
        3: _vector(builder, [graph]),
        6: _vector(builder, [manifest]),
        7: builder.CreateString("1.0.0"),
    }
    builder.Finish(_table(builder, 8, fields), METADATA_IDENTIFIER)
    return bytes(builder.Output())


def _tensor(builder: Any, tensor: TensorSpec, contract: InputContract | None, last: Sequence[str]) -> int:
    """Write a TensorMetadata table: name and description."""
    layout = "NHWC" if tensor.name in last else tensor.layout
    words = [tensor.dtype, *([layout] if layout else [])]
    if contract is not None and tensor.layout is not None and tensor.dtype == "uint8":
        words.append("a BGR image, values 0 to 255")
    return _table(
        builder, 7, {0: builder.CreateString(tensor.name), 1: builder.CreateString(", ".join(words))}
    )


def _table(builder: Any, slots: int, offsets: Mapping[int, int]) -> int:
    """Write a table whose fields are all offsets: strings, vectors, tables."""
    builder.StartObject(slots)
    for slot, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    return int(builder.EndObject())


def _vector(builder: Any, offsets: list[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())
