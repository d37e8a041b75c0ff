"""``python -m tools.fuzz``: fuzz every reader for a set time and print a table of the outcomes."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

from tools.fuzz.campaign import Result, fuzz
from tools.fuzz.report import format_table
from tools.fuzz.targets import TARGETS, Target


def main() -> int:
    """Run the campaign; return 0 if no input broke the contract, 1 otherwise and 2 if nothing was run."""
    arguments = _arguments()
    if find_spec("atheris") is None:
        print(
            "Atheris is not installed: it has wheels for Linux on x86-64 only; install it with: "
            "pip install 'posedeploy[dev]'",
            file=sys.stderr,
        )
        return 2
    targets = [target for target in TARGETS.values() if _is_named(target, arguments.targets)]
    if not targets:
        print(f"no target has such a name; the targets are: {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    seed = arguments.seed if arguments.seed is not None else int(time.time())
    print(
        f"{len(targets)} targets, {arguments.seconds} s in total, {arguments.jobs} processes, seed {seed}",
        flush=True,
    )
    share = arguments.seconds * arguments.jobs / sum(target.share for target in targets)
    with tempfile.TemporaryDirectory(prefix="posedeploy-fuzz-") as folder:

        def run(target: Target) -> Result:
            work = Path(folder, target.slug)
            result = fuzz(target, work, arguments.findings, share * target.share, seed)
            print(f"{target.name}: {result.tally.inputs:,} inputs", flush=True)
            return result

        with ThreadPoolExecutor(arguments.jobs) as pool:
            try:
                results = list(pool.map(run, targets))
            except KeyboardInterrupt:
                print("interrupted", file=sys.stderr)
                shutil.rmtree(folder, ignore_errors=True)
                os._exit(130)  # this also ends the child processes and the threads that wait for them
    print(format_table(results))
    for result in results:
        for name, what in result.findings.items():
            print(f"{arguments.findings / name}: {what}")
    return 0 if all(result.is_clean for result in results) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", help="parts of the names of targets; all targets by default")
    parser.add_argument("--seconds", type=int, default=600, help="total time of all targets (600)")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="number of processes")
    parser.add_argument("--seed", type=int, help="seed of the random numbers; the time by default")
    parser.add_argument(
        "--findings",
        type=Path,
        default=Path("artifacts/fuzz"),
        help="folder for inputs that broke the contract (artifacts/fuzz)",
    )
    return parser.parse_args()


def _is_named(target: Target, names: Sequence[str]) -> bool:
    return not names or any(name in target.name for name in names)


if __name__ == "__main__":
    sys.exit(main())
