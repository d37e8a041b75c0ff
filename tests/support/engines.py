"""Real engines of TensorRT-RTX, which any machine can build."""

from __future__ import annotations

from pathlib import Path

from posedeploy.convert.export import export
from posedeploy.convert.export_options import ExportOptions
from posedeploy.convert.prepare import Graphs
from posedeploy.types import Artifact, Model


def build_engine(
    model: Model, folder: Path, options: ExportOptions | None = None, graphs: Graphs | None = None
) -> Artifact:
    """Export a network as ``tiny.engine``. graphs: of its earlier exports, which are added to."""
    (artifact,) = export(model, ["tensorrt"], folder, "tiny", options, graphs=graphs)
    return artifact
