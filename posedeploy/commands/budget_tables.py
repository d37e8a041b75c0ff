"""Table and lines of an export under a budget."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table

from posedeploy.console.tables import create_table
from posedeploy.printable import counted
from posedeploy.types import BudgetRecord, MeasuredChoice

COLUMNS = {
    "px": "px",
    "joint_mm": "mm",
    "depth_mm": "mm from camera",
    "vertex_mm": "mm on the mesh",
    "oks": "OKS",
}
"""The columns of the measures that a budget limits."""


def budget_table(record: BudgetRecord) -> Table:
    """Return the differences from PyTorch and the times, before and after layers were put back."""
    measures = [name for name in COLUMNS if name in record.before.errors]
    table = create_table(
        "Held-out images, 95th percentiles",
        ["choice"],
        [*(COLUMNS[name] for name in measures), "unmatched", "time", "speedup"],
    )

    def add(label: str, choice: MeasuredChoice) -> None:
        values = [f"{choice.errors[name]:.3g}" if name in choice.errors else "" for name in measures]
        time, ratio = "", ""
        if choice.median_ms is not None:
            time, ratio = f"{choice.median_ms:.1f} ms", f"{record.pytorch_ms / choice.median_ms:.2f}x"
        table.add_row(label, *values, f"{choice.unmatched_percent:.2g}%", time, ratio)

    add("as converted", record.before)
    if record.float_layers:
        add(f"{counted(len(record.float_layers), 'layer')} put back", record.after)
    if record.jpeg is not None:
        add("PyTorch on the images as JPEG", record.jpeg)
    return table


def budget_lines(record: BudgetRecord) -> Iterator[str]:
    """Yield the budget, the held-out inputs, the layers that were put back, and whether it is slow."""
    held_out = record.held_out
    yield (
        f"budget {record.budget}: met on {held_out.count} held-out inputs ({held_out.source}), "
        f"{counted(held_out.keypoints, 'keypoint')}, after {counted(record.trials, 'trial')}"
    )
    if record.float_layers:
        layers = ", ".join(record.float_layers)
        yield f"{len(record.float_layers)} of {record.layers} layers put back to floating point: {layers}"
    if not record.is_complete:
        yield "the time limit was reached, so fewer layers may be enough; raise --budget-minutes"
    if record.after.median_ms is not None and record.after.median_ms >= record.pytorch_ms:
        yield (
            f"not faster where it was exported: {record.after.median_ms:.1f} ms, and PyTorch in FP32 "
            f"{record.pytorch_ms:.1f} ms"
        )
