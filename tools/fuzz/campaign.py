"""A target's processes, started one after the other until its time is over, and what they found."""

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
"""Names in the folder of a process: the file that is read, the counters, and the folder of findings."""
MEMORY_EXIT, HANG_EXIT = 71, 70
"""Exit statuses of a process that an input made take too much memory or time."""
START_S = 120
"""Which a process may take for imports and seeds, beside the time that it fuzzes."""
MIN_S = 2
MAX_PROCESSES = 20
"""Of a target; after as many that ended early, the rest of its time is given up."""
ROOT = Path(__file__).parents[2]


@dataclass
class Result:
    """What became of a target: its inputs, those that hung or crashed its process, and a line for each kind
    of finding."""

    target: Target
    tally: tally.Tally = field(default_factory=tally.Tally)
    hangs: int = 0
    crashes: int = 0
    findings: dict[str, str] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        """Whether there were inputs and all of them kept the contract."""
        return self.tally.inputs > 0 and not self.findings


def fuzz(target: Target, folder: Path, findings: Path, seconds: float, seed: int) -> Result:
    """Fuzz a target for a while.

    Args:
        folder: for scratch files; a new one. findings: where inputs are kept that broke the contract.
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
    """Run one process; whether it ended when its time was over."""
    target = result.target
    (work / FINDINGS).mkdir(parents=True)
    tally.create(work / TALLY)
    try:
        ended = run(
            [sys.executable, "-m", "tools.fuzz.child", str(work), str(seconds), str(seed)],
            work,
            request=msgspec.json.encode(target) + b"\n",
            time_limit_s=seconds + START_S + target.timeout_s,
            variables={
                "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
                "TMPDIR": str(work),  # what a crash leaves of temporary files goes with the folder
            },
        )
    except TimeLimitError as error:
        ended = ProgramResult(HANG_EXIT, b"", error.log)
    result.tally.add(tally.read(work / TALLY))
    if ended.status not in (0, MEMORY_EXIT):
        _count_death(result, ended, work)
    return ended.status == 0


def _count_death(result: Result, ended: ProgramResult, work: Path) -> None:
    """Count a process that an input ended, and keep the input."""
    is_hang = ended.status == HANG_EXIT
    result.hangs += is_hang
    result.crashes += not is_hang
    lines = [line for line in ended.log.splitlines() if "ERROR" in line or "Error" in line]
    what = (
        f"more than {result.target.timeout_s} s"
        if is_hang
        else f"the process ended with {ended.status}: {' '.join(lines[-2:])[:200]}"
    )
    path = work / f"{INPUT}{result.target.suffix}"
    content = path.read_bytes() if path.is_file() else b""
    keep(work / FINDINGS, result.target, Finding("hang" if is_hang else "crash", what), content)


def _collect(result: Result, folder: Path, findings: Path) -> None:
    for stem, (finding, content) in kept(folder, result.target).items():
        findings.mkdir(parents=True, exist_ok=True)
        keep(findings, result.target, finding, content)
        result.findings[stem] = f"{finding.what} ({finding.place})" if finding.place else finding.what
