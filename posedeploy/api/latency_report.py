"""The times of models, and their JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from posedeploy.benchmarks.latency import Latency
from posedeploy.benchmarks.machine_info import Machine, this_machine
from posedeploy.text_files import format_json

DERIVED = ("load_ms", "first_run_ms", "median_ms", "spread", "images_per_s", "speed_up", "warning")


@dataclass(frozen=True)
class LatencyReport:
    """The times of models that were timed in the same rounds, PyTorch first."""

    results: tuple[Latency, ...]
    machine: Machine = field(default_factory=this_machine)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Why some of the times cannot be trusted, a sentence each."""
        return tuple(result.warning for result in self.results if result.warning)

    def to_json(self) -> str:
        """Return the versioned document: raw times and what is derived from them; docs/json.md lists its
        fields."""
        return format_json(
            {
                "format": "posedeploy.bench",
                "version": 1,
                "machine": asdict(self.machine),
                "results": [
                    asdict(result)
                    | {name: getattr(result, name) for name in DERIVED}
                    | {"p90_ms": result.percentile_ms(90), "p99_ms": result.percentile_ms(99)}
                    for result in self.results
                ],
            }
        )
