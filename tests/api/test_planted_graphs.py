"""Faults planted in the graph of a real artifact are found and named: against the checkpoint, against another
artifact and with a reference file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias, get_args

import pytest

from tests.support.faulty_networks import GRAPHS, Graph
from tests.support.planted_faults import NAMES, STAGES, RightFiles, Way, export_wrong
from tests.support.shared_folders import shared_folder

OpenRight: TypeAlias = Callable[[int], RightFiles]
QUICK = "a swapped keypoint pair"
UNNAMED = {"align_corners"}
"""Faults in a layer, which ``bisect`` finds."""


@pytest.fixture(scope="session")
def right(tmp_path_factory: pytest.TempPathFactory) -> OpenRight:
    """Returns the files of the right network for a batch size. Tests must not change them."""

    def open_right(batch: int) -> RightFiles:
        return RightFiles(
            shared_folder(tmp_path_factory, f"right-{batch}", lambda path: RightFiles(path).write(batch))
        )

    return open_right


@pytest.mark.parametrize(
    "name", [name if name == QUICK else pytest.param(name, marks=pytest.mark.slow) for name in GRAPHS]
)
def test_a_planted_fault_is_found_in_its_stage_and_named(name: str, right: OpenRight, tmp_path: Path) -> None:
    graph = GRAPHS[name]
    wrong = export_wrong(graph, tmp_path)
    for way in get_args(Way):
        result = right(graph.batch).compare(wrong, way)
        stages = [stage.stage for stage in result.stages if stage.status == "different"]
        assert stages == [STAGES.get(name, "preprocessing")], way
        if name in UNNAMED:
            assert result.cause is None, way
        else:
            assert result.cause is not None and not result.cause.alternatives, way
            assert result.cause.name == NAMES[name], way


def test_a_correct_artifact_passes_in_all_stages(right: OpenRight, tmp_path: Path) -> None:
    artifact = export_wrong(Graph(), tmp_path)
    for way in get_args(Way):
        result = right(1).compare(artifact, way)
        assert result.passed and result.cause is None, way
        statuses = {stage.stage: stage.status for stage in result.stages}
        expected = {"preprocessing": "same", "network": "within limits", "decoding": "not compared"}
        assert statuses == expected, way
