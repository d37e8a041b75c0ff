"""Engines with other files or details than they were built with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from posedeploy.types import Artifact, RunOptions

ON_GPU = RunOptions("cuda")


def copied(engine: Artifact, folder: Path) -> Artifact:
    """Copy the engine and its other files, which a test may then change."""
    for path in engine.path.parent.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return replace(engine, path=folder / engine.path.name)


def with_details(engine: Artifact, **changes: Any) -> Artifact:
    """Change details of the manifest, as if the engine had been built elsewhere."""
    return replace(engine, details={**engine.details, **changes})
