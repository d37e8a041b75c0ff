"""The hash of a checkpoint that is a file or a folder, without reading its tensors."""

from __future__ import annotations

from pathlib import Path

from posedeploy import files, plugins
from posedeploy.checkpoints.containers import open_container
from posedeploy.errors import CheckpointError


def hash_checkpoint(path: Path) -> str | None:
    """Return the hash that a model from this checkpoint has; None if it is no checkpoint, or not readable."""
    try:
        if path.is_file():
            return files.sha256(path)
        folder = plugins.module("posedeploy.checkpoints.hugging_face.folder")
        if folder.is_model_folder(path):
            return str(folder.hash_folder(path))
        with open_container(path) as container:
            return container.sha256
    except (OSError, CheckpointError):
        return None
