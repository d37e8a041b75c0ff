"""Energy counters of a simulated machine, and the peak memory of a process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from posedeploy.benchmarks.energy import energy_counters
from posedeploy.benchmarks.footprint import MIN_RUNS, energy_per_run, peak_memory


def zone(folder: Path, name: str, energy_uj: str, title: str = "package-0") -> Path:
    """Write a zone of the powercap interface."""
    (folder / name).mkdir(parents=True)
    (folder / name / "name").write_text(f"{title}\n")
    (folder / name / "energy_uj").write_text(f"{energy_uj}\n")
    (folder / name / "max_energy_range_uj").write_text("1000000\n")
    return folder / name / "energy_uj"


def test_only_zones_of_whole_processors_are_counted(tmp_path: Path) -> None:
    for number in (0, 1):
        zone(tmp_path, f"intel-rapl:{number}", "5", f"package-{number}")
        zone(tmp_path, f"intel-rapl:{number}:0", "5", "core")
    assert [counter.name for counter in energy_counters(tmp_path)] == ["package-0", "package-1"]


@pytest.mark.parametrize("content", ["", "no number"])
def test_an_unreadable_zone_is_ignored(tmp_path: Path, content: str) -> None:
    zone(tmp_path, "intel-rapl:0", content)
    assert energy_counters(tmp_path) == energy_counters(tmp_path / "missing") == []


def test_a_counter_wraps_around_at_its_limit(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", "5")
    (counter,) = energy_counters(tmp_path)
    assert counter.joules_between(100_000, 400_000) == pytest.approx(0.3)
    assert counter.joules_between(900_000, 100_000) == pytest.approx(0.2)


def test_energy_is_measured_per_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posedeploy.benchmarks.footprint.MIN_SECONDS", 0.0)
    path = zone(tmp_path, "intel-rapl:0", "0")

    def run() -> None:
        path.write_text(str(int(path.read_text()) + 2_000))

    assert energy_per_run(run, energy_counters(tmp_path)) == {"package-0": pytest.approx(0.002)}


def test_energy_is_absent_without_counters() -> None:
    runs: list[int] = []
    assert energy_per_run(lambda: runs.append(1), []) == {}
    assert len(runs) == MIN_RUNS


def test_the_peak_includes_freed_memory() -> None:
    """In a new process: here, the block may fit into memory that earlier tests freed."""
    program = (
        "import numpy as np, psutil\n"
        "from posedeploy.benchmarks.footprint import peak_memory\n"
        "before = psutil.Process().memory_info().rss\n"
        "block = np.ones(50_000_000, np.uint8)\n"
        "del block\n"
        "print(peak_memory() - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) >= 40_000_000


def test_the_peak_is_read_from_the_process_status(tmp_path: Path) -> None:
    (tmp_path / "status").write_text("Name:\tpython\nVmHWM:\t    2048 kB\nVmRSS:\t 1024 kB\n")
    assert peak_memory(tmp_path / "status") == 2 << 20


def test_the_peak_is_known_without_its_line_in_the_process_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource = pytest.importorskip("resource")
    (tmp_path / "status").write_text("Name:\tpython\nVmSize:\t 9 kB\nVmRSS:\t 9 kB\nVmData:\t 9 kB\n")
    peak = peak_memory(tmp_path / "status")
    assert peak is not None and peak >= 0.5 * psutil.Process().memory_info().rss
    monkeypatch.setattr(resource, "getrusage", lambda who: SimpleNamespace(ru_maxrss=0))
    assert peak_memory(tmp_path / "status") is None
