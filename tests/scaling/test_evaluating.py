"""``evaluate --ray``."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.commands.conftest import Invoke

pytestmark = pytest.mark.slow


@pytest.fixture
def annotated(model: Path, photos: Path, invoke: Invoke, tmp_path: Path) -> list[object]:
    """The options of annotations that are not quite what the network finds, and of their images."""
    shutil.copytree(photos, tmp_path / "photos")
    invoke("predict", model, "photos", "--no-draw", "-o", "found", "--threads", 1)
    document = json.loads(Path("found/poses.json").read_text())
    for person in document["annotations"]:
        noise = np.random.default_rng(person["id"]).normal(0, 4, (16, 3)) * (1, 1, 0)
        person["keypoints"] = (np.reshape(person["keypoints"], (-1, 3)) + noise).ravel().tolist()
    document["images"].append({"id": 99, "file_name": "03.png", "width": 320, "height": 240})
    Path("coco.json").write_text(
        json.dumps({name: document[name] for name in ("images", "annotations", "categories")})
    )
    return ["--annotations", "coco.json", "--images", "photos", "--threads", 1]


def _score(invoke: Invoke, *arguments: object) -> dict[str, Any]:
    result = invoke("evaluate", *arguments, "--json", "e.json")
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(Path("e.json").read_text())
    document["machine"] = None
    return document


def test_ap_is_the_same_to_the_last_digit(model: Path, annotated: list[object], invoke: Invoke) -> None:
    here, on_ray = _score(invoke, model, *annotated), _score(invoke, model, *annotated, "--ray")
    assert 0 < here["slices"][0]["ap"] < 1
    for document in (here, on_ray):
        document["remarks"] = [remark.rpartition("photos/")[2] for remark in document["remarks"]]
    assert on_ray == here


def test_other_options_of_jobs_are_not_options_of_evaluate(
    model: Path, annotated: list[object], refused: Callable[..., str]
) -> None:
    message = refused("evaluate", model, *annotated, "--workers", 2)
    assert "--workers: only for jobs on a Ray cluster; add --ray, or leave it out" in message
