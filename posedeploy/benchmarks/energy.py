"""The energy that the processor counts: RAPL through the powercap interface of Linux."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
PACKAGES = "intel-rapl:[0-9]"
"""The zones of whole processors, which AMD's have under the same name; their parts are not counted twice."""


@dataclass(frozen=True)
class EnergyCounter:
    """A counter of energy that starts again at 0 after ``limit_uj``, in microjoules."""

    name: str
    path: Path
    limit_uj: int

    def read_uj(self) -> int:
        """Return the counter, in microjoules."""
        return int(self.path.read_text(encoding="ascii"))

    def joules_between(self, start_uj: int, end_uj: int) -> float:
        """Return the energy between two readings that are less than one turn of the counter apart."""
        difference = end_uj - start_uj
        return (difference if difference >= 0 else difference + self.limit_uj) / 1e6


def energy_counters(folder: Path = POWERCAP) -> list[EnergyCounter]:
    """Return the counters that this process may read; empty on machines without any.

    Since Linux 5.10 only root may read them.
    """
    counters = []
    for zone in sorted(folder.glob(PACKAGES)):
        try:
            counter = EnergyCounter(
                (zone / "name").read_text(encoding="ascii").strip(),
                zone / "energy_uj",
                int((zone / "max_energy_range_uj").read_text(encoding="ascii")),
            )
            counter.read_uj()
        except (OSError, ValueError):
            continue  # not readable, or not an energy zone
        counters.append(counter)
    return counters
