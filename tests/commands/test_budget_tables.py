"""The lines that an export under a budget prints."""

from __future__ import annotations

import pytest

from posedeploy.commands.budget_tables import budget_lines
from posedeploy.types import BudgetRecord, HeldOut, MeasuredChoice


@pytest.mark.parametrize(
    ("median_ms", "line"),
    [(12.34, "not faster where it was exported: 12.3 ms, and PyTorch in FP32 10.0 ms"), (9.9, None)],
)
def test_a_file_that_is_not_faster_than_pytorch_is_reported(median_ms: float, line: str | None) -> None:
    choice = MeasuredChoice(errors={"px": 0.5}, median_ms=median_ms)
    record = BudgetRecord(
        budget="1 px",
        held_out=HeldOut(source="photos", count=4, people=4, keypoints=60),
        layers=0,
        float_layers=(),
        before=choice,
        after=choice,
        pytorch_ms=10.0,
        jpeg=None,
        trials=1,
    )
    assert list(budget_lines(record))[1:] == ([line] if line else [])
