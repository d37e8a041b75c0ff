"""Parity for the terminal, of the data that ``--json`` writes."""

from __future__ import annotations

from collections.abc import Mapping

from rich.markup import escape
from rich.table import Table

from posedeploy.benchmarks.keypoints import PoseParity
from posedeploy.benchmarks.noise_floor import FLOAT64_FACTOR
from posedeploy.benchmarks.parity import Parity
from posedeploy.benchmarks.pose_comparison import LOWEST_IS_WORST
from posedeploy.benchmarks.stage_parity import StageParity
from posedeploy.console.tables import create_table, format_runtime
from posedeploy.printable import counted, printable


def parity_heading(result: Parity) -> str:
    """Return the candidate, its runtime, and the budget or the tolerances."""
    tolerance = result.tolerance
    if result.budget is not None:
        limits = f"budget of the poses: {result.budget}"
    else:
        limits = (
            f"tolerance: {tolerance.rtol:.0e} of the largest value, {tolerance.px:g} px, {tolerance.mm:g} mm"
        )
    label, runtime = (escape(printable(text)) for text in (result.label, format_runtime(result.runtime_info)))
    return f"[bold]{label}[/]\n[dim]{runtime}\n{limits}[/]"


def verdict_line(result: Parity) -> str:
    """Return the verdict on the candidate."""
    color = "green" if result.passed else "red"
    label, verdict = (escape(printable(text)) for text in (result.label, result.verdict))
    return f"[bold]{label}[/]: [bold {color}]{verdict}[/]"


def parity_table(result: Parity) -> Table:
    """Return the table of the outputs of one candidate, with the noise floor if measured.

    The cosine then has fewer digits, so that names fit 80 columns.
    """
    floor = result.floor
    noise = ["floor", "rms", "floor"] if floor is not None else []
    table = create_table(None, ["output"], ["max abs", "max rel", *noise, "cosine"])
    for output in result.outputs:
        cells = [output.max_absolute, output.rtol]
        if floor is not None:
            of_output = floor.outputs[output.name]
            cells += [of_output.largest, output.rms_relative, of_output.rms]
        digits = 9 if floor is None else 6
        table.add_row(escape(output.name), *(f"{cell:.1e}" for cell in cells), f"{output.cosine:.{digits}f}")
    return table


def poses_line(result: Parity) -> str:
    """Return the comparison of the keypoints of one candidate."""
    poses = result.poses
    if poses is None:
        return "keypoints: not compared, because the decoding of this network's outputs is unknown"
    if not (poses.people or poses.missed or poses.extra):
        return "keypoints: not compared, because neither model finds people; pass photographs with --images"
    line = (
        f"keypoints: {poses.describe_people()}; "
        f"{poses.keypoints} keypoints, {poses.error_px:.3g} px off at the 99th percentile"
    )
    line += f", {poses.error_mm:.3g} mm in 3D" if poses.error_mm is not None else ""
    line += f", {poses.error_vertices_mm:.3g} mm on the mesh" if poses.error_vertices_mm is not None else ""
    if poses.ambiguous:
        count = counted(poses.ambiguous, "keypoint or 3D joint", "keypoints and 3D joints")
        line += f"; also {count} ambiguous: noise decides between nearly equal peaks"
    return line


PAIRED_ROWS: Mapping[str, tuple[str, float]] = {
    "px": ("keypoints, px", 1.0),
    "relative": ("keypoints, % of box diagonal", 100.0),
    "oks": ("OKS", 1.0),
    "joint_mm": ("3D joints, mm", 1.0),
    "mpjpe_mm": ("MPJPE, mm", 1.0),
    "pa_mpjpe_mm": ("PA-MPJPE, mm", 1.0),
    "depth_mm": ("distance from camera, mm", 1.0),
    "vertex_mm": ("vertices, mm", 1.0),
}
"""The heading of each measure, and the factor from its unit."""


def paired_table(result: Parity) -> Table | None:
    """Return the differences of people matched one to one; None if there are none.

    A worst value that equals PyTorch in the shown digits has no place: rounding selects it.
    """
    if result.paired is None or not result.paired.summaries:
        return None
    table = create_table(None, ["person by person"], ["median", "p95", "worst"])
    table.add_column("worst on", overflow="fold")
    for measure, summary in result.paired.summaries.items():
        heading, factor = PAIRED_ROWS[measure]
        values = (summary.median.value, summary.p95.value, summary.worst.value)
        shown = [f"{factor * value:.3f}" for value in values]
        is_equal = shown[-1] == ("1.000" if measure in LOWEST_IS_WORST else "0.000")
        table.add_row(heading, *shown, "" if is_equal else escape(printable(summary.worst.place)))
    return table


def paired_line(result: Parity) -> str | None:
    """Return the numbers of keypoints and 3D joints that the table of pairs cannot show; None if there are
    none."""
    paired = result.paired
    if paired is None:
        return None
    counts = (
        ("unmatched keypoints", paired.unmatched_keypoints, paired.keypoints),
        ("3D joints not compared", paired.uncompared_joints, paired.joints),
    )
    parts = [
        f"{what}: {lost} of {lost + compared} ({100 * lost / (lost + compared):.3g}%)"
        for what, lost, compared in counts
        if lost
    ]
    return "; ".join(parts) or None


def noise_lines(result: Parity) -> list[str]:
    """Return the noise floor and its effect on poses, with the effect of JPEG for comparison."""
    if result.floor_note:
        return [result.floor_note]
    floor = result.floor
    if floor is None:
        return []
    factor = f"{FLOAT64_FACTOR:g}x"
    use = "not used with --rtol" if result.tolerance.is_fixed else f"differences up to {factor} pass"
    use = use if result.budget is None else "decides which keypoints are ambiguous"
    lines = [f"floor: {floor} against fp64, {floor.runs} runs on {floor.inputs} inputs; {use}"]
    if floor.poses is not None:
        lines.append(f"{floor} itself {_format_movement(floor.poses)}")
    if floor.jpeg is not None:
        lines.append(f"for comparison, JPEG at quality 95 {_format_movement(floor.jpeg)}")
    return lines


def _format_movement(poses: PoseParity) -> str:
    text = f"moves keypoints by {poses.median_px:.2g} px (median)"
    text += f", 3D joints by {poses.median_mm:.2g} mm" if poses.median_mm is not None else ""
    if poses.median_vertices_mm is not None:
        text += f", vertices by {poses.median_vertices_mm:.2g} mm"
    total = poses.keypoints + poses.unmatched_keypoints
    return f"{text}; {poses.unmatched_keypoints} of {total} keypoints are unmatched"


def stage_lines(result: Parity) -> list[str]:
    """Return the verdicts on the stages: one line if there is nothing to explain, else a line for each."""
    if any(stage.differences or stage.failures or stage.note for stage in result.stages):
        return [_describe_stage(stage) for stage in result.stages]
    verdicts = [f"{stage.stage} {stage.status}" for stage in result.stages]
    return [f"stages: {', '.join(verdicts)}"] if verdicts else []


def _describe_stage(stage: StageParity) -> str:
    measured = [] if stage.max_relative is None else [f"{stage.max_relative:.1e} of the largest value"]
    if stage.paired is not None:
        measured += [
            f"{PAIRED_ROWS[measure][1] * summary.p95.value:.3g} {measure.removeprefix('joint_')} at the 95th "
            "percentile"
            for measure, summary in stage.paired.summaries.items()
            if measure in ("px", "joint_mm")
        ]
        if stage.paired.unmatched_keypoints:
            measured.append(f"{counted(stage.paired.unmatched_keypoints, 'unmatched keypoint')}")
    line = f"{stage.stage}: {stage.status}" + (f" ({', '.join(measured)})" if measured else "")
    reasons = "; ".join((*stage.differences, *stage.failures, *filter(None, [stage.note])))
    return printable(f"{line}: {reasons}" if reasons else line)
