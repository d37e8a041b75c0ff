"""Fuzz one target in a separate process, which libFuzzer ends if an input crashes or hangs it."""

from __future__ import annotations

import math
import os
import random
import resource
import sys
import threading
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import atheris
import msgspec

from posedeploy.benchmarks.footprint import peak_memory
from posedeploy.errors import PoseDeployError
from tools.fuzz import tally
from tools.fuzz.campaign import FINDINGS, HANG_EXIT, INPUT, MEMORY_EXIT, TALLY
from tools.fuzz.contract import Finding, Read, attempt
from tools.fuzz.findings import keep
from tools.fuzz.mutators import MUTATORS, Mutator
from tools.fuzz.targets import Target, load_object

MIB = 1 << 20
INTERRUPTED_EXIT = 130
ADDRESS_SPACE_MIB = 6 << 10
"""The maximum growth of the address space of the process, to protect the machine."""


class Fuzzer:
    """Runs a target on inputs and counts the outcomes."""

    def __init__(self, target: Target, read: Read, folder: Path) -> None:
        self._target = target
        self._read = read
        self._path = folder / f"{INPUT}{target.suffix}"
        self._findings = folder / FINDINGS
        self._file = tally.map_file(folder / TALLY)
        self._tally = tally.Tally()
        self._start_mib = _peak_mib()

    def one_input(self, content: bytes) -> None:
        """Run the target on one input and record the outcome."""
        self._path.write_bytes(content)
        started = time.perf_counter()
        outcome = attempt(self._read, self._path)
        self._tally.slowest_s = max(self._tally.slowest_s, time.perf_counter() - started)
        self._tally.inputs += 1
        self._tally.values += outcome is None
        self._tally.refusals += isinstance(outcome, PoseDeployError)
        if isinstance(outcome, Finding):
            self._keep(outcome, content)
        self._check_memory(content)
        self._tally.write(self._file)

    def _check_memory(self, content: bytes) -> None:
        """Check the peak memory. It never falls, so after a finding, a new process continues."""
        self._tally.peak_mib = max(self._tally.peak_mib, _peak_mib() - self._start_mib)
        if self._tally.peak_mib > self._target.memory_mib:
            what = f"{self._tally.peak_mib:.0f} MiB, expected at most {self._target.memory_mib}"
            self._keep(Finding("memory", what), content)
            self._tally.write(self._file)
            os._exit(MEMORY_EXIT)

    def _keep(self, finding: Finding, content: bytes) -> None:
        self._tally.tracebacks += finding.kind != "memory"
        self._tally.memory += finding.kind == "memory"
        keep(self._findings, self._target, finding, content)


def _peak_mib() -> float:
    return (peak_memory() or math.nan) / MIB


def _limit_address_space() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    allowed = pages * resource.getpagesize() + ADDRESS_SPACE_MIB * MIB
    resource.setrlimit(resource.RLIMIT_AS, (allowed, allowed))


def _mutate_with(mutators: Sequence[Mutator], seeds: Sequence[bytes]) -> object:
    """Return a mutator for Atheris that uses libFuzzer's changes and those of ``mutators``."""

    def mutate(content: bytes, max_bytes: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if not mutators or rng.random() < 0.3:
            changed: bytes = atheris.Mutate(content, max_bytes)
            return changed
        if rng.random() < 0.1:
            content = rng.choice(seeds)
        changed = rng.choice(mutators)(content, rng)
        return changed if len(changed) <= max_bytes else content[:max_bytes]

    return mutate


def run(target: Target, folder: Path, seconds: int, seed: int) -> None:
    """Fuzz a target until the time is used.

    Args:
        folder: of this process, with the counters of ``tally.create``.
    """
    warnings.filterwarnings("error", category=RuntimeWarning)
    warnings.filterwarnings("error", category=UserWarning)
    with atheris.instrument_imports(include=["posedeploy"]):
        read: Read = load_object(target.read)
        seeds: list[bytes] = load_object(target.seeds)()
        corpus = folder / "corpus"
        corpus.mkdir()
        for number, content in enumerate(seeds):
            (corpus / str(number)).write_bytes(content)
            (folder / f"{INPUT}{target.suffix}").write_bytes(content)
            attempt(read, folder / f"{INPUT}{target.suffix}")  # for imports at first use
        _limit_address_space()
        fuzzer = Fuzzer(target, read, folder)
        longest = max(map(len, seeds))
        arguments = [
            sys.argv[0], str(corpus), f"-max_total_time={seconds}", f"-seed={seed}",
            f"-timeout={target.timeout_s}", f"-timeout_exitcode={HANG_EXIT}", "-rss_limit_mb=0",
            f"-max_len={max(2 * longest, 4096)}", f"-artifact_prefix={folder}/", "-detect_leaks=0",
        ]  # fmt: skip
        mutators = [MUTATORS[name] for name in target.mutators]
        atheris.Setup(arguments, fuzzer.one_input, custom_mutator=_mutate_with(mutators, seeds))
        atheris.Fuzz()


def _end_with_parent() -> None:
    """End this process when its parent ends, which closes the pipe."""
    sys.stdin.buffer.read()
    os._exit(INTERRUPTED_EXIT)


if __name__ == "__main__":
    described = msgspec.json.decode(sys.stdin.buffer.readline(), type=Target)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    run(described, Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
