"""The settings under which a search can be continued: all that determines its measurements."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from posedeploy import __version__, files, plugins
from posedeploy.api.model_args import ModelArgs, get_path
from posedeploy.api.tuning_options import TuneOptions
from posedeploy.backends import RUNTIMES, TARGETS, Target
from posedeploy.benchmarks.machine_info import Machine
from posedeploy.errors import InputError
from posedeploy.predict.image_files import open_images
from posedeploy.predict.urls import local_path
from posedeploy.printable import counted, printable
from posedeploy.tuning.configurations import SearchSpace
from posedeploy.tuning.state import VERSION_SUFFIX
from posedeploy.types import Model

OPTIONAL_PACKAGES: Mapping[str, tuple[str, ...]] = {
    "onnx": ("onnxruntime",),
    "openvino": ("nncf",),
    "tensorrt": ("onnxruntime", "tensorrt", "tensorrt_rtx"),
    "tflite": ("ai_edge_quantizer",),
}
"""The packages that only some exports to a target need, and that determine their files."""


def settings_of(
    model: Model, args: ModelArgs, options: TuneOptions, space: SearchSpace, machine: Machine
) -> dict[str, str]:
    """Return what determines the measurements, so that a search continues only with equal settings.

    The time limit is not part of it.
    """
    return {name: printable(value) for name, value in _settings(model, args, options, space, machine)}


def _settings(
    model: Model, args: ModelArgs, options: TuneOptions, space: SearchSpace, machine: Machine
) -> Iterator[tuple[str, str]]:
    yield "checkpoint", f"{get_path(model).name} (SHA-256 {model.sha256[:16]})"
    for name, value in (("mesh", model.mesh_sha256), ("network", model.network_sha256)):
        yield name, value or ""
    yield "stages", str(model.stages or "")
    yield "weights", model.weights.key if model.weights else ""
    yield "contract", _describe_file(args.contract)
    yield "budget", str(options.budget)
    yield "images", ", ".join(map(_describe_images, options.images))
    yield "calibration", ", ".join(map(_describe_calibration, options.calibration))
    for name in ("device", "objective", "calibration_images"):
        yield name, str(getattr(options, name))
    yield "targets", ", ".join(sorted({target for target, _ in space.files}))
    yield (
        "input sizes",
        _join("published" if each is None else "{}x{}".format(*each) for each in space.input_sizes),
    )
    yield "batches", _join(space.batches)
    yield "threads", _join(space.threads)
    yield "machine", f"{machine.cpu}, {machine.logical_cores} logical cores"
    yield "gpu", machine.gpu
    yield f"posedeploy{VERSION_SUFFIX}", __version__
    for package in sorted({package for target, _ in space.files for package in _packages(TARGETS[target])}):
        yield f"{package}{VERSION_SUFFIX}", plugins.version_of(package) or ""


def _packages(row: Target) -> set[str]:
    runtimes = (RUNTIMES[name].package for name in row.runtimes)
    return {*row.packages, *runtimes, *OPTIONAL_PACKAGES.get(row.name, ())}


def _join(values: Any) -> str:
    return ", ".join("default" if value is None else str(value) for value in values)


def _describe_file(path: Path | None) -> str:
    return f"{path} (SHA-256 {files.sha256(path)[:16]})" if path is not None else ""


def _describe_images(path: Path) -> str:
    """Return a path with the number of its images and the hash of their names and contents.

    Raises:
        InputError: it does not exist, or has no images.
    """
    inputs = open_images(path).inputs
    digest = sha256()
    for each in inputs:
        digest.update(os.fsencode(each.name) + b"\0" + _hash(each).encode() + b"\0")
    return f"{path} ({counted(len(inputs), 'image')}, SHA-256 {digest.hexdigest()[:16]})"


def _hash(path: Path) -> str:
    try:
        return files.sha256(path)
    except OSError as error:  # it is left out as an input, with a warning
        return error.strerror or type(error).__name__


def _describe_calibration(name: str) -> str:
    path = Path(local_path(name))
    try:
        return _describe_images(path) if path.is_dir() else f"{path} (SHA-256 {_hash(path)[:16]})"
    except InputError:  # it has no images, and is left out with a warning
        return f"{path} (no images)"
