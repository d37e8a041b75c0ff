"""Exports of the same checkpoint that share its ONNX graph, which takes most of the time of an export."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from posedeploy.api import exporting
from posedeploy.convert.prepare import Graphs
from posedeploy.types import Artifact, Model


def share_graphs(patch: pytest.MonkeyPatch) -> None:
    """Let every ``export`` reuse the graphs of earlier exports of an equal model. A model whose
    weights a test changes, or that it builds itself, needs a ``sha256`` of its own."""
    shared: defaultdict[object, Graphs] = defaultdict(dict)
    export = exporting.export_again

    def export_shared(model: Model, *args: Any) -> list[Artifact]:
        key = model.sha256, model.network_sha256, model.mesh_sha256, model.stages, model.weights
        return export(model, *args[:-1], shared[key])

    patch.setattr(exporting, "export_again", export_shared)
