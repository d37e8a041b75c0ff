"""Format the results of a campaign as a Markdown table."""

from __future__ import annotations

from collections.abc import Sequence

from tools.fuzz.campaign import Result
from tools.fuzz.tally import Tally

COLUMNS = (
    "reader",
    "inputs",
    "values",
    "refusals",
    "tracebacks",
    "hangs",
    "crashes",
    "over memory",
    "peak MiB",
    "slowest s",
)


def format_table(results: Sequence[Result]) -> str:
    """Return the table: a row for each target, and one for the totals."""
    rows = [_row(result.target.name, result.tally, result.hangs, result.crashes) for result in results]
    total = Tally()
    for result in results:
        total.add(result.tally)
    hangs, crashes = sum(result.hangs for result in results), sum(result.crashes for result in results)
    rows.append(_row("total", total, hangs, crashes))
    return "\n".join(f"| {' | '.join(row)} |" for row in (COLUMNS, ["---"] * len(COLUMNS), *rows))


def _row(name: str, tally: Tally, hangs: int, crashes: int) -> list[str]:
    counts = (tally.inputs, tally.values, tally.refusals, tally.tracebacks, hangs, crashes, tally.memory)
    return [name, *(f"{count:,}" for count in counts), f"{tally.peak_mib:.0f}", f"{tally.slowest_s:.2f}"]
