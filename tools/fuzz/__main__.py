"""``python -m tools.fuzz``: fuzz every reader for a while and show what became of the inputs."""

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
from tools.fuzz.report import table
from tools.fuzz.targets import TARGETS, Target


def main() -> int:
    """Return 0 if every input kept the contract."""
    arguments = _arguments()
    if find_spec("atheris") is None:
        print(
            "Atheris is not installed: it has wheels for Linux on x86-64 alone; install it there with: "
            "pip install 'posedeploy[dev]'",
            file=sys.stderr,
        )
        return 2
    targets = [target for target in TARGETS.values() if _is_named(target, arguments.targets)]
    if not targets:
        print(f"no target is named so; they are: {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    seed = arguments.seed if arguments.seed is not None else int(time.time())
    print(
        f"{len(targets)} targets, {arguments.seconds} s in all, {arguments.jobs} at a time, seed {seed}",
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
                os._exit(130)  # the processes end with this one, and the threads that wait for them too
    print(table(results))
    for result in results:
        for name, what in result.findings.items():
            print(f"{arguments.findings / name}: {what}")
    return 0 if all(result.is_clean for result in results) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", help="parts of targets' names; without any, all of them")
    parser.add_argument("--seconds", type=int, default=600, help="in all, shared by the targets (600)")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="processes at a time")
    parser.add_argument("--seed", type=int, help="of the random numbers; without it, the time")
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
