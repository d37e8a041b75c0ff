"""The progress of a job on the terminal."""

from __future__ import annotations

import io
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from posedeploy.console import output
from posedeploy.scaling.cluster import Cluster
from posedeploy.scaling.job_folder import ShardRecord
from posedeploy.scaling.progress import Progress
from posedeploy.scaling.worker_pool import PoolSize, report_start
from posedeploy.types import RuntimeInfo


def _record(**values: Any) -> ShardRecord:
    defaults = {
        "shard": 0, "file": "", "sha256": "", "bytes": 0, "images": 256, "people": 0, "attempts": 1,
        "problems": (), "remarks": (), "node": "a", "worker": 1, "seconds": 1.0, "cpu_seconds": 1.0,
        "max_rss_bytes": 0, "runtime": RuntimeInfo("onnxruntime", "1", "CPU", "fp32", 1),
    }  # fmt: skip
    return ShardRecord(**{**defaults, **values})


@pytest.fixture
def progress(monkeypatch: pytest.MonkeyPatch) -> Progress:
    """A third of a job is done after 60 s, with two workers, three unusable images and a lost worker."""
    seconds = iter([0.0, 30.0, 60.0])
    clock = SimpleNamespace(monotonic=lambda: next(seconds))
    monkeypatch.setattr("posedeploy.scaling.progress.time", clock)
    progress = Progress(1536, 0)
    progress.add(_record(problems=("a", "b", "c")))
    progress.add(_record(worker=2, attempts=2))
    return progress


def test_progress_has_rate_time_workers_and_failures(progress: Progress) -> None:
    assert str(progress) == (
        "512 of 1536 images, 8.5/s, 2 min 0 s left, 2 workers\n3 images not used, 1 lost worker"
    )
    assert progress.share == pytest.approx(1 / 3)


def test_progress_without_a_known_total_has_no_share() -> None:
    progress = Progress(None, 7, "frame")
    assert (str(progress), progress.share) == ("7 frames", None)


@pytest.mark.parametrize(("width", "bar"), [(80, 8), (120, 40)])
def test_the_bar_leaves_room_for_the_text(
    progress: Progress, width: int, bar: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = io.StringIO()
    console = Console(file=screen, width=width, force_terminal=True, color_system=None)
    monkeypatch.setattr(output, "err", console)
    with output.show_progress() as on_progress:
        on_progress(str(progress), progress.share)
    shown = screen.getvalue()
    for line in str(progress).splitlines():
        assert line in shown
    assert "33%" in shown and "━" * (bar // 3) in shown


@pytest.mark.parametrize(
    ("free", "activity"),
    [
        (4, "starting 3 workers"),
        (3, "starting 1 worker"),
        (1, "waiting for other jobs (1 of 4 CPUs free, and"),
    ],
)
def test_a_busy_cluster_is_reported(free: int, activity: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "posedeploy")
    shown: list[str] = []
    cpus = 1 if free == 4 else 2
    cluster = Cluster(1, 4, 0, "127.0.0.1:8265", free, 0)
    report_start(PoolSize(1, 3, cpus, 0), cluster, lambda text, share: shown.append(text))
    assert shown[0].startswith(activity)
    assert caplog.messages[0] == "Ray's dashboard: http://127.0.0.1:8265"
    assert ("the cluster is busy" in caplog.text) == (free == 1)
