"""Model repositories for Triton."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from posedeploy import manifest
from posedeploy.bundles.options import VERSION, BundleOptions, triton_backend
from posedeploy.bundles.text_format import to_text
from posedeploy.bundles.triton_config import PYTHON, network_config, poses_config
from posedeploy.manifest_document import encode
from posedeploy.types import Artifact

MODEL = """\
# {what}. posedeploy must be installed on the server.
from posedeploy.triton_models.{module} import TritonPythonModel

__all__ = ["TritonPythonModel"]
"""
CONFIG = "config.pbtxt"


def write_repository(
    artifact: Artifact, name: str, options: BundleOptions, folder: Path, *, has_poses: bool
) -> None:
    """Write the model of a network and, with ``has_poses``, ``NAME_poses``, which returns poses.

    Raises:
        ExportError: Triton has no backend for the target.
    """
    backend = PYTHON if options.python_backend else triton_backend(artifact)
    # On one line, since a config escapes line ends.
    document = msgspec.json.format(encode(artifact), indent=-1).decode()
    version = folder / name / VERSION
    version.mkdir(parents=True)
    if backend is PYTHON:
        copy_artifact(artifact, version)
        _write_model(version, "The network", "network")
    else:
        for suffix, target in backend.files.items():
            shutil.copyfile(artifact.path.with_suffix(suffix), version / target)
    config = network_config(name, artifact, document, backend, options)
    (folder / name / CONFIG).write_text(to_text(config), encoding="utf-8")
    if has_poses:
        poses = f"{name}_poses"
        version = folder / poses / VERSION
        version.mkdir(parents=True)
        _write_model(version, "From an encoded image to poses", "poses")
        text = to_text(poses_config(poses, name, artifact, document, options))
        (folder / poses / CONFIG).write_text(text, encoding="utf-8")


def copy_artifact(artifact: Artifact, folder: Path) -> None:
    """Copy the files of an artifact, and write its manifest next to them unless the file contains it."""
    for name in artifact.files:
        shutil.copyfile(artifact.path.with_name(name), folder / name)
    copied = folder / artifact.path.name
    if not manifest.has_manifest(copied):
        manifest.path_of(copied).write_bytes(encode(artifact))


def _write_model(folder: Path, what: str, module: str) -> None:
    (folder / "model.py").write_text(MODEL.format(what=what, module=module), encoding="utf-8")
