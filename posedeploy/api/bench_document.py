"""The JSON of ``posedeploy bench``, read again: raw times, from which everything else is derived."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from posedeploy.benchmarks.latency import Latency
from posedeploy.benchmarks.machine_info import Machine
from posedeploy.benchmarks.time_comparison import TimeComparison
from posedeploy.errors import InputError

MIN_TIME_S, MAX_TIME_S = 1e-15, 1e9
"""The range of times that are not damaged."""
WHAT = "a JSON file of `posedeploy bench`"


@dataclass(frozen=True)
class Head:
    """The fields that identify a JSON document."""

    format: str = ""
    version: int = 0

    def __str__(self) -> str:
        return f"{self.format or 'no format'}, version {self.version}"


@dataclass(frozen=True, kw_only=True)
class BenchDocument:
    """The content of the file, as in ``LatencyReport``."""

    machine: Machine
    results: tuple[Latency, ...]
    comparisons: tuple[TimeComparison, ...] = ()
    remarks: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()

    def checked(self, subject: str) -> BenchDocument:
        """Return the document with the times of PyTorch in each row that was timed beside it.

        Args:
            subject: the file or the parameter, for messages.

        Raises:
            InputError: the times of a row are damaged or missing.
        """
        for row in self.results:
            for what, count, expected in _faults(row):
                raise InputError(
                    f"{subject}: {what} of {row.label} are damaged or missing", found=count, expected=expected
                )
        rows = {row.label: row for row in self.results}
        return replace(
            self, results=tuple(_with_baseline(row, rows.get(row.baseline or "")) for row in self.results)
        )


def _with_baseline(row: Latency, baseline: Latency | None) -> Latency:
    if baseline is None or len(baseline.times_s) != len(row.times_s):
        return replace(row, baseline=None)
    return replace(row, baseline_times_s=baseline.times_s)


def _faults(row: Latency) -> Iterator[tuple[str, str, str]]:
    """Yield what is damaged, the values found and the values expected."""
    count = len(row.times_s)
    stages = (row.cpu_times_s, row.preprocess_times_s, row.decode_times_s)
    times = [time for each in (row.times_s, *stages) for time in each]
    are_times = all(MIN_TIME_S <= time <= MAX_TIME_S for time in times)
    if not count or len(row.cpu_times_s) not in (0, count) or not are_times:
        counts = f"{count} times and {len(row.cpu_times_s)} processor times"
        yield "the raw times", counts, f"equal numbers of both, from {MIN_TIME_S:g} to {MAX_TIME_S:g} s"
    if {len(row.preprocess_times_s), len(row.decode_times_s)} not in ({0}, {count}):
        counts = f"{len(row.preprocess_times_s)} of preprocessing and {len(row.decode_times_s)} of decoding"
        yield "the times of the stages", counts, f"{count} of both, or none"
    if not row.loads or row.batch < 1 or row.block < 1:
        counts = f"{len(row.loads)} loads, batch {row.batch}, block {row.block}"
        yield "the settings", counts, "at least 1 of each"
