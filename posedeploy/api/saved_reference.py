"""Write what PyTorch computed in a comparison to a reference file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from posedeploy import __version__, files, plugins
from posedeploy.benchmarks.inputs import NetworkInput
from posedeploy.benchmarks.noise_floor import NoiseFloor
from posedeploy.benchmarks.parity import Parity
from posedeploy.benchmarks.reference_file import (
    ReferenceDocument,
    StoredFloor,
    StoredInput,
    is_reference_file,
)
from posedeploy.benchmarks.reference_writing import write_reference
from posedeploy.benchmarks.runner_comparison import PairedInputs
from posedeploy.errors import OutputError
from posedeploy.input_files import describe_special_file
from posedeploy.printable import printable
from posedeploy.runtimes.base import Runner
from posedeploy.types import Array, Model, PlacedJoints


def check_output(path: Path) -> None:
    """Check, before the comparison, that a reference file can be written here.

    Raises:
        OutputError: the path is a folder, a special file, or another file, such as a checkpoint, or its
            folder cannot be written.
    """
    if path.is_dir():
        raise OutputError(f"`save_reference={path}`: a folder; pass a file, such as {path / 'r.safetensors'}")
    if path.exists() and (kind := describe_special_file(path.stat())) is not None:
        raise OutputError(f"`save_reference={path}`: {kind}; pass another file")
    if path.exists() and not is_reference_file(path):
        raise OutputError(f"`save_reference={path}`: exists and is not a reference file; pass another file")
    with files.staged(path.parent):
        pass


def save_reference(path: Path, model: Model, pairs: PairedInputs, reference: Runner, result: Parity) -> None:
    """Write the inputs of a comparison, and PyTorch's outputs on them, to a reference file.

    Args:
        reference: returns the outputs of ``model`` that ``result`` was judged against.

    Raises:
        OutputError: the file cannot be written.
    """
    document = ReferenceDocument(
        spec=model.spec,
        checkpoint=printable(model.source.name) if model.source else None,
        checkpoint_sha256=model.sha256,
        precision=result.reference_precision,
        packages={"posedeploy": __version__, "torch": plugins.version_of("torch") or "unknown"},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        floor=_stored_floor(result.floor),
    )
    write_reference(path, document, _stored_inputs(pairs, reference))


def _stored_floor(floor: NoiseFloor | None) -> StoredFloor | None:
    if floor is None:
        return None
    return StoredFloor(
        floor.device, floor.precision, floor.outputs, floor.inputs, floor.runs, floor.pose_noise
    )


def _stored_inputs(pairs: PairedInputs, reference: Runner) -> Iterator[StoredInput]:
    for network_input, _ in pairs:
        yield StoredInput(
            network_input.name,
            network_input.tensors,
            reference.run(network_input.tensors),
            network_input.image,
            _joints(network_input),
            network_input.box,
            network_input.frame,
        )


def _joints(network_input: NetworkInput) -> Array | None:
    placed = [each.joints for each in network_input.placements if isinstance(each, PlacedJoints)]
    return np.concatenate(placed) if placed else None
