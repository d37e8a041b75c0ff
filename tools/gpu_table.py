"""Measure every network in every runtime and precision on a GPU: load time, latency, accuracy.

``python tools/gpu_table.py [--exports FOLDER] [--cases FOLDER] [--networks NAME ...] [--aoti NAME ...]
[--throughput] [--json FILE]``

The artifacts are those that ``gpu_exports.py`` wrote to ``--exports``; without it, they are exported first.

The networks are the built-in sample and the reference cases in the folder (by default POSEDEPLOY_REFERENCE,
or else the cases in the repository). All rows of a network are timed in the same rounds as PyTorch eager,
transfers included, at batch 1; the second table shows images per second at batch 32. Poses are compared
with PyTorch in FP32 on the CPU, in px and mm at the 95th percentile, and unmatched keypoints are
counted. The generated weights of the reference cases amplify rounding, so their poses are judged in FP32
only. The sample is trained, and its poses are judged in FP32, TF32 and FP16. The exit status is 1 if a
row does not run or its poses are beyond the tolerance.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import multiprocessing
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posedeploy.benchmarks.machine_info import describe_machine
from tools.command_line import run_tool
from tools.gpu_exports import (
    CASES,
    SAMPLE,
    add_arguments,
    export_all,
    list_networks,
    open_network,
    targets_of,
)
from tools.gpu_rows import Row, rows_of
from tools.gpu_throughput import show, show_titles, throughput

TITLES = (
    "network", "runtime", "precision", "load s", "ms", "x eager", "spread", "CUDA graph", "px", "mm",
    "unmatched", "verdict",
)  # fmt: skip


Result = TypeVar("Result")


def plan(arguments: argparse.Namespace) -> None:
    """Print the rows that would be measured."""
    existing = list_networks(arguments.cases, arguments.networks)
    for network in (SAMPLE, *CASES):
        targets = ", ".join(targets_of(network, arguments.aoti))
        is_available = network in existing
        print(
            f"{network}: " + (f"pytorch, {targets}" if is_available else f"skipped, not in {arguments.cases}")
        )


def run_in_process(measure: Callable[..., Result], *arguments: object) -> Result | str:
    """Return the result of a function that runs in a process of its own, or why that process ended.

    A crash of a runtime then costs the rows of one network only. The child prints where it crashed.
    """
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=faulthandler.enable) as pool:
        try:
            return pool.submit(measure, *arguments).result()
        except BrokenProcessPool:
            return "FAILED: the process crashed"


def measure_latencies(name: str, cases: Path, folder: Path, targets: list[str]) -> list[Row]:
    """Return the rows of one network."""
    return rows_of(name, open_network(name, cases, folder / name / "reference"), folder, targets)


def measure_throughput(name: str, cases: Path, folder: Path) -> tuple[str, ...]:
    """Return the row of one network in the table of throughput."""
    return throughput(name, open_network(name, cases, folder / name / "reference"), folder)


def measure(arguments: argparse.Namespace) -> list[Row]:
    """Measure and print every row, each network in a process of its own."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.exports or Path(temporary)
        cases = arguments.cases
        if arguments.exports is None:
            export_all(cases, folder, arguments.networks, arguments.aoti, throughput=arguments.throughput)
        networks = list_networks(cases, arguments.networks)
        show(*TITLES)
        show(*("---" for _ in TITLES))
        for name in networks:
            measured = run_in_process(
                measure_latencies, name, cases, folder, targets_of(name, arguments.aoti)
            )
            new = [Row(name, "", "", failure=measured)] if isinstance(measured, str) else measured
            for row in new:
                show(*row.cells())
            rows += new
        if arguments.throughput:
            show_titles()
            for name in networks:
                cells = run_in_process(measure_throughput, name, cases, folder)
                show(*((name, cells) if isinstance(cells, str) else cells))
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    parser.add_argument("--exports", type=Path, help="the folder of gpu_exports.py")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--dry-run", action="store_true", help="print the rows that would be measured")
    arguments = parser.parse_args()
    if arguments.dry_run:
        plan(arguments)
        return 0
    if not torch.cuda.is_available():
        print("no CUDA device: nothing was measured", file=sys.stderr)
        return 1
    rows = measure(arguments)
    print(f"\n{torch.cuda.get_device_name()}, torch {torch.__version__}; {describe_machine()}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")
    failed = sum(bool(row.failure) for row in rows)
    print(f"{len(rows) - failed} of {len(rows)} rows passed")
    return 1 if failed else 0


if __name__ == "__main__":
    run_tool(main)
