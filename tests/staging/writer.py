"""Write artifacts without heavy imports: ``python -m tests.staging.writer FOLDER NAME COUNT``."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from posedeploy import files, manifest
from posedeploy.types import Artifact, ModelSpec, Provenance, TensorSpec

SPEC = ModelSpec("x", "", (TensorSpec("data", (1, 3)),), (TensorSpec("out", (1, 3)),))
PROVENANCE = Provenance(None, "f" * 64, None, {}, {}, "2026-01-01T00:00:00+00:00")


def write_artifact(folder: Path, content: str) -> None:
    """Write a model of two files with its manifest, as ``export`` does."""
    path = folder / "net.xml"
    with files.staged(folder, partial(manifest.outdated, path)) as stage:
        for name in ("net.xml", "net.bin"):
            (stage / name).write_text(f"{content} {name}")
        hashes = {name: files.sha256(stage / name) for name in ("net.bin", "net.xml")}
        manifest.write(Artifact(path, "openvino", SPEC, "fp32", hashes, PROVENANCE), stage)


if __name__ == "__main__":
    for number in range(int(sys.argv[3])):
        write_artifact(Path(sys.argv[1]), f"{sys.argv[2]} {number}")
