"""The models in the arguments of a command: files, folders, and the expansions of shell patterns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from posedeploy.api.model_args import is_sample
from posedeploy.backends import TARGETS, is_model, runtime_for, target_of
from posedeploy.console.output import warn
from posedeploy.content_kinds import kind_of_file
from posedeploy.errors import InputError
from posedeploy.manifest_document import SUFFIX
from posedeploy.printable import listed
from posedeploy.runtimes.load_runner import devices_of, open_artifact
from posedeploy.types import RunOptions


def models_in(folder: Path) -> list[Path]:
    """Return the model files of a folder, sorted by name; an empty list if it has none or is not a folder."""
    return sorted(path for path in folder.glob("*") if is_model(path)) if folder.is_dir() else []


def list_models(paths: Sequence[Path], device: str = "cpu", runtime: str | None = None) -> list[Path]:
    """Return the models that the arguments of a command name.

    A folder stands for its model files that the runtime runs on the device. Among several arguments, files
    that are not models, such as manifests and pictures, are left out with a warning.

    Raises:
        InputError: none of several arguments is a model.
    """
    expanded = [model for path in paths for model in _expand(path, device, runtime)]
    if len(expanded) < 2 or len(paths) < 2:
        return expanded
    others = [path for path in expanded if not _may_be_model(path)]
    if len(others) == len(expanded):
        raise InputError(
            f"{listed(list(map(str, others)))}: not models; pass model files, checkpoints or folders"
        )
    if others:
        warn(f"left out, because they are not models: {listed(list(map(str, others)))}")
    return [path for path in expanded if path not in others]


def select_by_device(paths: list[Path], device: str, runtime: str | None) -> list[Path]:
    """Return the model files that the runtime runs on the device, or all if it runs none."""
    device = RunOptions(device).device
    devices = {path: _devices_of(path, runtime) for path in paths}
    usable = [path for path in paths if device in devices[path]]
    for path in paths if usable else ():
        if not devices[path]:
            warn(f"{path}: left out; {runtime} does not run {target_of(path).suffix} files")
        elif path not in usable:
            name = runtime_for(target_of(path), runtime).name
            warn(f"{path}: left out; {name} runs on {', '.join(devices[path])}, not {device}")
    return usable or paths


def _devices_of(path: Path, runtime: str | None) -> tuple[str, ...]:
    """Return the devices of a model file; none if the runtime does not run it."""
    if runtime is not None and runtime not in target_of(path).runtimes:
        return ()
    return devices_of(open_artifact(path), runtime)


def _expand(path: Path, device: str, runtime: str | None) -> list[Path]:
    models = models_in(path)
    return select_by_device(models, device, runtime) if models else [path]


def _may_be_model(path: Path) -> bool:
    """Return whether a file may be a model or a checkpoint; true if it is missing, to report it later."""
    if is_model(path) or is_sample(path) or not path.exists():
        return True
    kind = kind_of_file(path)
    if kind is None or _belongs_to_model(path):
        return False
    if path.is_dir():
        return any(_may_be_model(inside) for inside in path.iterdir() if inside.is_file())
    return kind.weights or kind.packed


def _belongs_to_model(path: Path) -> bool:
    """Return whether a file is the manifest, the weights or a sidecar file of a model file next to it."""
    if path.name.endswith(SUFFIX):
        return True
    return any(
        path.name.endswith(suffix)
        and path.with_name(path.name.removesuffix(suffix) + target.suffix).is_file()
        for target in TARGETS.values()
        for suffix in (*target.extra_suffixes, *target.sidecar_suffixes)
    )
