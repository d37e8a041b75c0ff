"""The times of models, and their JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from posedeploy.benchmarks import intervals, time_shifts
from posedeploy.benchmarks.latency import Latency
from posedeploy.benchmarks.machine_info import Machine, describe_machine
from posedeploy.benchmarks.time_comparison import TimeComparison
from posedeploy.benchmarks.timing import SEED
from posedeploy.text_files import format_json

DERIVED = (
    "load_ms", "first_run_ms", "memory_bytes", "median_ms", "median_interval_ms", "cpu_ms", "spread",
    "images_per_s", "speedup", "speedup_interval", "preprocess_ms", "decode_ms", "end_to_end_ms",
    "end_to_end_interval_ms", "warning",
)  # fmt: skip
"""Properties of a result that the JSON holds besides the raw times."""
PERCENTILES = (90, 99)
FORMAT, VERSION = "posedeploy.bench", 2


@dataclass(frozen=True)
class LatencyReport:
    """The times of models that were timed in the same rounds, PyTorch first.

    seed: the seed of the order of the models in the first load's rounds; each further load adds 1.
    comparisons: the verdicts, if a model or an earlier report was compared with. remarks: what differs from
    that report. failures: why the footprints of some models are missing, although requested.
    """

    results: tuple[Latency, ...]
    machine: Machine = field(default_factory=describe_machine)
    seed: int = SEED
    comparisons: tuple[TimeComparison, ...] = ()
    remarks: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """The reasons why times cannot be trusted or footprints are missing, a sentence each."""
        warnings = (comparison.warning for comparison in self.comparisons if comparison.warning)
        unsteady = (row.warning for row in self.results if row.warning)
        return (*self.remarks, *unsteady, *warnings, *self.failures)

    @property
    def is_slower(self) -> bool:
        """Whether a model was found slower than what it was compared with."""
        return any(comparison.verdict == "slower" for comparison in self.comparisons)

    def to_json(self) -> str:
        """Return the versioned document: raw times and what is derived from them; docs/json.md lists its
        fields."""
        return format_json(
            {
                "format": FORMAT,
                "version": VERSION,
                "machine": asdict(self.machine),
                "seed": self.seed,
                "confidence": intervals.CONFIDENCE,
                "results": [_row(result) for result in self.results],
                "comparisons": [
                    asdict(comparison) | {"verdict": comparison.verdict, "confidence": time_shifts.CONFIDENCE}
                    for comparison in self.comparisons
                ],
                "remarks": list(self.remarks),
                "failures": list(self.failures),
            }
        )


def _row(result: Latency) -> dict[str, Any]:
    row = asdict(result) | {name: getattr(result, name) for name in DERIVED}
    del row["baseline_times_s"]  # those of another row
    for percent in PERCENTILES:
        row[f"p{percent}_ms"] = result.percentile_ms(percent)
        row[f"p{percent}_interval_ms"] = result.percentile_interval_ms(percent)
    return row
