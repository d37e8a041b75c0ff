"""Fuzz one target in successive processes until its time is used, and collect their findings."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from posedeploy.processes import ProgramResult, TimeLimitError, run
from tools.fuzz import tally
from tools.fuzz.contract import Finding
from tools.fuzz.findings import keep, kept
from tools.fuzz.targets import Target

INPUT, TALLY, FINDINGS = "a", "tally", "findings"
"""Names in the folder of a process: the input file, the counters, and the folder of findings."""
MEMORY_EXIT, HANG_EXIT = 71, 70
"""The exit statuses of a process in which an input took too much memory or time."""
START_S = 120
"""The time for imports and seeds, in addition to the time for fuzzing."""
MIN_S = 2
MAX_PROCESSES = 20
"""The maximum number of processes of a target. If all of them end early, the rest of its time is not used."""
ROOT = Path(__file__).parents[2]


@dataclass
class Result:
    """The outcome of a target: the counters of its inputs, the numbers of hangs and crashes, and a line for
    each kind of finding."""

    target: Target
    tally: tally.Tally = field(default_factory=tally.Tally)
    hangs: int = 0
    crashes: int = 0
    findings: dict[str, str] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        """Whether there were inputs and none of them broke the contract."""
        return self.tally.inputs > 0 and not self.findings


def fuzz(target: Target, folder: Path, findings: Path, seconds: float, seed: int) -> Result:
    """Fuzz a target for this time.

    Args:
        folder: a new folder for temporary files. findings: the folder for inputs that broke the contract.
    """
    result, end = Result(target), time.monotonic() + seconds
    for number in range(MAX_PROCESSES):
        left = end - time.monotonic()
        if number and left < MIN_S:
            break
        work = folder / str(number)
        is_done = _fuzz_once(result, work, round(max(left, MIN_S)), seed + number)
        _collect(result, work / FINDINGS, findings)
        if is_done or not tally.read(work / TALLY).inputs:
            break
    return result


def _fuzz_once(result: Result, work: Path, seconds: int, seed: int) -> bool:
    """Run one process; return whether it ran until its time was used."""
    target = result.target
    (work / FINDINGS).mkdir(parents=True)
    tally.create(work / TALLY)
    try:
        program = run(
            [sys.executable, "-m", "tools.fuzz.child", str(work), str(seconds), str(seed)],
            work,
            request=msgspec.json.encode(target) + b"\n",
            time_limit_s=seconds + START_S + target.timeout_s,
            variables={
                "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
                "TMPDIR": str(work),  # the temporary files of a crashed process are deleted with the folder
            },
        )
    except TimeLimitError as error:
        program = ProgramResult(HANG_EXIT, b"", error.log)
    result.tally.add(tally.read(work / TALLY))
    if program.status not in (0, MEMORY_EXIT):
        _count_failure(result, program, work)
    return program.status == 0


def _count_failure(result: Result, program: ProgramResult, work: Path) -> None:
    """Count a process that an input hung or crashed, and save the input."""
    is_hang = program.status == HANG_EXIT
    result.hangs += is_hang
    result.crashes += not is_hang
    lines = [line for line in program.log.splitlines() if "ERROR" in line or "Error" in line]
    what = (
        f"more than {result.target.timeout_s} s"
        if is_hang
        else f"the process ended with {program.status}: {' '.join(lines[-2:])[:200]}"
    )
    path = work / f"{INPUT}{result.target.suffix}"
    content = path.read_bytes() if path.is_file() else b""
    keep(work / FINDINGS, result.target, Finding("hang" if is_hang else "crash", what), content)


def _collect(result: Result, folder: Path, findings: Path) -> None:
    for stem, (finding, content) in kept(folder, result.target).items():
        findings.mkdir(parents=True, exist_ok=True)
        keep(findings, result.target, finding, content)
        result.findings[stem] = f"{finding.what} ({finding.place})" if finding.place else finding.what
