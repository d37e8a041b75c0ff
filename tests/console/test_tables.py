"""Tables in a terminal of 80 columns, with file names that have brackets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console, RenderableType

from posedeploy.benchmarks.budget import Budget
from posedeploy.benchmarks.keypoints import ImageParity
from posedeploy.benchmarks.latency import Latency, LoadCost
from posedeploy.benchmarks.noise_floor import NoiseFloor, OutputNoise
from posedeploy.benchmarks.output_parity import OutputParity, measure_difference
from posedeploy.benchmarks.parity import Parity, PoseParity
from posedeploy.benchmarks.pose_comparison import ImagePairs, PoseComparison
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.commands.parity_tables import (
    noise_lines,
    parity_heading,
    parity_table,
    poses_line,
    verdict_line,
)
from posedeploy.console.tables import footprint_table, format_size, latency_table
from posedeploy.types import RuntimeInfo

SAMPLE = ("sample (PyTorch)", "sample.torchscript", "sample.onnx", "sample.xml")
RUNTIME_INFO = RuntimeInfo("torchscript", "2.13.0+cpu", "CPU", "fp32", 16)


def _shown(what: RenderableType, columns: int) -> list[str]:
    console = Console(width=columns, color_system=None, highlight=False)
    with console.capture() as capture:
        console.print(what)
    return [line.rstrip() for line in capture.get().splitlines()]


def _latency(label: str, runs: int = 1000) -> Latency:
    times = tuple(np.linspace(1.0, 1.1, runs))
    return Latency(
        label=label,
        runtime_info=RUNTIME_INFO,
        scenario="single-stream",
        batch=1,
        file_bytes=16_500_000,
        loads=(LoadCost(10.5, 1.25, 107_700_000, runs),),
        times_s=times,
        cpu_times_s=times,
        baseline="sample (PyTorch)",
        baseline_times_s=tuple(12.5 * np.asarray(times) / 1.05),
    )


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("table", [latency_table, footprint_table])
def test_rows_of_the_sample_are_not_wrapped(
    table: Callable[[list[Latency]], RenderableType], columns: int
) -> None:
    lines = _shown(table([_latency(label) for label in SAMPLE]), columns)
    assert len(lines) == 3 + 2 * len(SAMPLE)
    assert [line.startswith(label) for line, label in zip(lines[3::2], SAMPLE, strict=True)] == [True] * 4
    assert max(map(len, lines)) <= columns


def test_all_load_times_are_in_milliseconds() -> None:
    heading, _, *rows = _shown(footprint_table([_latency(label) for label in SAMPLE]), 80)[1:]
    assert "load ms  first ms  CPU ms" in heading
    assert [row.split()[-7:-4] for row in rows[::2]] == [["10500.0", "1250.0", "1050.0"]] * len(SAMPLE)


def test_a_percentile_without_values_has_no_column() -> None:
    both = _shown(latency_table([_latency("a"), _latency("b", 10)]), 80)[1]
    assert "p90 ms" in both and "p99 ms" in both
    assert "p9" not in _shown(latency_table([_latency("a", 10)]), 80)[1]


def test_long_names_are_wrapped_and_numbers_are_not() -> None:
    name = "human-pose-estimation-0001-trained-on-everything-at-256x456.torchscript"
    lines = _shown(latency_table([_latency(name)]), 80)
    assert max(map(len, lines)) <= 80
    assert lines[3].endswith("1050.00    1090.00    1099.00    4.8%     11.90x")
    assert lines[4].endswith("1047-1053  1088-1092  1098-1100          11.9-11.9")


@pytest.mark.parametrize("table", [latency_table, footprint_table])
def test_brackets_in_names_are_not_markup(table: Callable[[list[Latency]], RenderableType]) -> None:
    assert any("[/old] [b].xml" in line for line in _shown(table([_latency("[/old] [b].xml")]), 80))


def _parity(poses: PoseParity | None, error: float = 0.0) -> Parity:
    a = np.ones((1, 2), np.float32)
    apart = measure_difference("random 0", a, a + np.float32(error))
    output = OutputParity("stage_1_output_1_heatmaps", (apart,))
    return Parity("artifacts/[/]sample.xml", RUNTIME_INFO, (output,), poses, Tolerance())


def test_the_verdict_and_the_runtime_are_shown() -> None:
    heading = _shown(parity_heading(_parity(None)), 80)
    assert heading == [
        "artifacts/[/]sample.xml",
        "torchscript 2.13.0+cpu, CPU, fp32, 16 threads",
        "tolerance: 1e-04 of the largest value, 0.1 px, 1 mm",
    ]
    verdict = "artifacts/[/]sample.xml: within tolerance of PyTorch in fp32"
    assert _shown(verdict_line(_parity(None)), 80) == [verdict]
    assert _shown(verdict_line(_parity(None, 1.0)), 80)[0].endswith(": outside tolerance of PyTorch in fp32")
    assert _shown(parity_table(_parity(None, 1.0)), 80)[-1].split() == [
        "stage_1_output_1_heatmaps",
        "1.0e+00",
        "1.0e+00",
        "1.000000000",
    ]


def test_keypoint_differences_are_shown_in_a_sentence() -> None:
    assert poses_line(_parity(None)).startswith("keypoints: not compared, because the decoding")
    image = ImageParity(2, 1, 0, np.zeros(30), 0, np.zeros(19))
    assert poses_line(_parity(PoseParity((image,)))) == (
        "keypoints: 2 people matched, 1 missed, 0 extra; 30 keypoints, 0 px off at the 99th percentile, "
        "0 mm in 3D"
    )
    image = ImageParity(2, 1, 0, np.zeros(30), 0, np.zeros(0), 7)
    assert poses_line(_parity(PoseParity((image,)))).endswith(
        "; also 7 keypoints and 3D joints ambiguous: noise decides between nearly equal peaks"
    )


def test_the_noise_floor_is_shown_for_each_difference() -> None:
    noise = OutputNoise(9.8e-4, 1.2e-4, 3e-4)
    image = ImageParity(2, 1, 0, np.full(30, 0.25), 2, np.full(19, 1.5))
    poses = PoseParity((image,))
    floor = NoiseFloor("cuda", "fp32", {"stage_1_output_1_heatmaps": noise}, 6, 36, poses, poses)
    parity = replace(_parity(None, 1.0), floor=floor, reference_precision="fp64")
    assert _shown(verdict_line(parity), 80)[0].endswith(": outside tolerance of PyTorch in fp64")
    lines = _shown(parity_table(parity), 80)
    assert len(lines) == 3 and max(map(len, lines)) <= 80
    assert lines[0].split() == ["output", "max", "abs", "max", "rel", "floor", "rms", "floor", "cosine"]
    assert lines[2].split()[2:] == ["1.0e+00", "9.8e-04", "1.0e+00", "1.2e-04", "1.000000"]
    assert noise_lines(parity) == [
        "floor: PyTorch fp32 on cuda against fp64, 36 runs on 6 inputs; differences up to 2x pass",
        "PyTorch fp32 on cuda itself moves keypoints by 0.25 px (median), 3D joints by 1.5 mm; 2 of 32 "
        "keypoints are unmatched",
        "for comparison, JPEG at quality 95 moves keypoints by 0.25 px (median), 3D joints by 1.5 mm; "
        "2 of 32 keypoints are unmatched",
    ]
    assert noise_lines(_parity(None)) == []


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (None, ""),
        (0, "0 kB"),
        (1, "1 kB"),
        (31_079, "32 kB"),
        (999_000, "999 kB"),
        (999_001, "1.0 MB"),
        (1_050_001, "1.1 MB"),
        (107_700_000, "107.7 MB"),
    ],
)
def test_sizes_are_in_kb_below_a_megabyte(count: int | None, shown: str) -> None:
    assert format_size(count) == shown


@pytest.mark.parametrize(
    ("report", "shown"),
    [
        ({}, "torchscript fp32"),
        ({"CUDA graph": "yes"}, "torchscript fp32, graph"),
        ({"CUDA graph": "per input shape, from its second run"}, "torchscript fp32, graph"),
        ({"CUDA graph": "no: a reason"}, "torchscript fp32"),
    ],
)
def test_a_row_shows_whether_it_ran_as_a_cuda_graph(report: dict[str, str], shown: str) -> None:
    result = replace(_latency("a.torchscript"), runtime_info=replace(RUNTIME_INFO, details=report))
    assert _shown(latency_table([result]), 80)[4].split("  ")[0] == shown


@pytest.mark.parametrize(
    ("limit", "verdict"), [(100.0, "within budget"), (2.0, "over budget")], ids=["within", "over"]
)
def test_the_verdict_of_a_budget_names_the_budget(limit: float, verdict: str) -> None:
    poses = PoseComparison((ImagePairs("a.png", 1, 0, 0, 1, 1, 0, {}),))
    parity = replace(_parity(None, 1.0), paired=poses, budget=Budget(unmatched_percent=limit))
    assert parity.verdict == f"{verdict}, compared with PyTorch in fp32"
