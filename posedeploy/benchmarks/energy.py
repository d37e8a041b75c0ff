"""Energy counters, and those of the processor: RAPL, read through the powercap files of Linux."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

POWERCAP = Path("/sys/class/powercap")
PACKAGE_ZONES = "intel-rapl:[0-9]"
"""RAPL's package zones, one per socket, on processors of AMD as well. Their subzones are left out, because a
package includes them."""


class EnergyCounter(Protocol):
    """An energy counter in microjoules."""

    @property
    def name(self) -> str:
        """The name of the measured part, such as ``package-0``."""

    def read_uj(self) -> int:
        """Return the counter, in microjoules."""

    def joules_between(self, start_uj: int, end_uj: int) -> float:
        """Return the energy between two readings."""


@dataclass(frozen=True)
class ProcessorEnergyCounter:
    """An energy counter in microjoules, which wraps around to 0 after ``limit_uj``."""

    name: str
    path: Path
    limit_uj: int

    def read_uj(self) -> int:
        """Return the counter, in microjoules."""
        return int(self.path.read_text(encoding="ascii"))

    def joules_between(self, start_uj: int, end_uj: int) -> float:
        """Return the energy between two readings, between which the counter wraps around at most once."""
        difference = end_uj - start_uj
        return (difference if difference >= 0 else difference + self.limit_uj) / 1e6


def energy_counters(folder: Path = POWERCAP) -> list[ProcessorEnergyCounter]:
    """Return the counters of the processor that this process may read; empty on machines without any.

    Since Linux 5.10 only root may read them.
    """
    counters = []
    for zone in sorted(folder.glob(PACKAGE_ZONES)):
        try:
            counter = ProcessorEnergyCounter(
                (zone / "name").read_text(encoding="ascii").strip(),
                zone / "energy_uj",
                int((zone / "max_energy_range_uj").read_text(encoding="ascii")),
            )
            counter.read_uj()
        except (OSError, ValueError):
            continue  # not readable, or not an energy zone
        counters.append(counter)
    return counters
