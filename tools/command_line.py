"""The common parts of the command lines of the tools."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

from posedeploy.errors import PoseDeployError


def parse_rounds(doc: str | None, default: int) -> int:
    """Return the only argument of a tool, its number of rounds, or the default."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rounds", nargs="?", type=int, default=default)
    rounds: int = parser.parse_args().rounds
    if rounds < 2:
        parser.error(f"{rounds} rounds: expected at least 2")
    return rounds


def run_tool(main: Callable[[], int | None]) -> NoReturn:
    """Run a tool and exit. An error that its user can fix is one line, and the exit status is 1."""
    try:
        sys.exit(main())
    except PoseDeployError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        if error.filename is None:
            raise
        sys.exit(f"error: {error.filename}: {error.strerror}")
    except KeyboardInterrupt:
        sys.exit(130)
