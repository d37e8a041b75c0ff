"""Print what parity and bisect find in artifacts with planted faults.

``python tools/planted_faults.py [NAME ...]``: for each fault whose name contains one of the arguments, or for
all of them: whether it was found, the stage that it was attributed to (with the right one if it is another),
what names it, and the seconds of the comparison and of bisect, without the export.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posedeploy.benchmarks.machine_info import describe_machine
from posedeploy.errors import InputError
from tests.support.planted_faults import diagnose, list_faults, plant
from tools.command_line import run_tool

MAX_NAME = 100


def main() -> int:
    """Print a row for each fault, and return 1 if one was not found, or not in its stage, or not named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", nargs="*", help="a part of the names of the faults")
    parts: list[str] = parser.parse_args().name
    names = [name for name in list_faults() if not parts or any(part in name for part in parts)]
    if not names:
        raise InputError(f"{', '.join(parts)}: no fault has this in its name: {', '.join(list_faults())}")
    logging.disable(logging.WARNING)
    print("| planted | found | stage | name | seconds |\n|---|---|---|---|---|")
    are_right = [_print_row(name) for name in names]
    machine = describe_machine()
    print(f"\n{datetime.now(UTC):%Y-%m-%d}, {machine}, load {machine.load:.1f}")
    return int(not all(are_right))


def _print_row(name: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        planted = plant(name, Path(folder))
        start = time.perf_counter()
        diagnosis = diagnose(planted)
        seconds = time.perf_counter() - start
    is_right = diagnosis.stages == (planted.stage,)
    stages = ", ".join(diagnosis.stages) or "none"
    stage = stages if is_right else f"{stages} instead of {planted.stage}"
    is_named = planted.name in diagnosis.name
    text = diagnosis.name if is_named else f"{diagnosis.name} instead of {planted.name}"
    text = text if len(text) <= MAX_NAME else f"{text[:MAX_NAME]}..."
    is_found = "yes" if diagnosis.stages else "no"
    print(f"| {name} | {is_found} | {stage} | {text} | {seconds:.1f} |", flush=True)
    return is_right and is_named


if __name__ == "__main__":
    run_tool(main)
