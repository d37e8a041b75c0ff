"""The comparison of videos for the terminal: the jitter that a model adds, and identity switches."""

from __future__ import annotations

from collections.abc import Mapping

from rich.markup import escape
from rich.table import Table

from posedeploy.benchmarks.parity import Parity
from posedeploy.benchmarks.video_parity import VideoParity
from posedeploy.console.tables import create_table
from posedeploy.printable import counted, printable

JITTER_ROWS: Mapping[str, str] = {"px": "keypoints, px", "joint_mm": "3D joints, mm"}
"""The heading of each measure of jitter."""


def jitter_table(result: Parity) -> Table | None:
    """Return the jitter that the candidate adds in each video; None without values."""
    if not any(video.jitter for video in result.videos):
        return None
    table = create_table(None, ["added jitter"], ["median", "p95", "worst"])
    table.add_column("worst on", overflow="fold")
    for video in result.videos:
        for measure, summary in video.jitter.items():
            values = (summary.median.value, summary.p95.value, summary.worst.value)
            cells = [f"{value:.3f}" for value in values]
            table.add_row(JITTER_ROWS[measure], *cells, escape(printable(summary.worst.image)))
    return table


def switch_lines(result: Parity) -> list[str]:
    """Return the identity switches in each video."""
    reference = "PyTorch" if result.against is None else "the reference"
    return [_describe_switches(video, reference) for video in result.videos]


def _describe_switches(video: VideoParity, reference: str) -> str:
    line = (
        f"identity switches in {video.video} ({counted(video.frames, 'frame')}): "
        f"{video.candidate_switches} only in the model, {video.reference_switches} only in {reference}"
    )
    return f"{line}; first on {video.switches[0].frame}" if video.switches else line
