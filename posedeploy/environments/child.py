"""A request to a toolchain and its answer, through a Python of its own."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from posedeploy import processes
from posedeploy.environments.locations import interpreter
from posedeploy.environments.table import HERE, Toolchain
from posedeploy.errors import ToolchainFailed

HARNESS = HERE / "worker" / "harness.py"
ISOLATED = ("-I", "-u", "-X", "utf8")
"""Neither PYTHON* variables, nor packages of the user's home, nor the folder it runs in; what it prints goes
to the log at once; UTF-8 anywhere."""


def ask(
    environment: Path,
    toolchain: Toolchain,
    request: Mapping[str, Any],
    folder: Path,
    time_limit_s: float | None = None,
) -> dict[str, Any]:
    """What a toolchain's script answers to a request.

    Args:
        environment: where the toolchain is, and was found whole.
        folder: where temporary files may be; its path may hold anything.

    Raises:
        ToolchainFailed: it failed, took longer than ``time_limit_s``, or answered with something else than a
            JSON object.
    """
    with tempfile.TemporaryDirectory(prefix=f"{toolchain.name}-", dir=folder.absolute()) as work:
        ended = run_program(
            toolchain,
            [interpreter(environment), *ISOLATED, HARNESS, toolchain.script.absolute()],
            Path(work),
            request=json.dumps(request).encode() + b"\n",
            time_limit_s=time_limit_s,
            variables=toolchain.variables,
        )
    if ended.status < 0:
        raise ToolchainFailed(
            f"{toolchain.name} was ended by signal {-ended.status} ({ended.last_line}); where it is 9, there "
            "was most likely not enough memory",
            toolchain.name,
            ended.log,
        )
    if ended.status != 0:
        raise ToolchainFailed(f"{toolchain.name} failed: {ended.last_line}", toolchain.name, ended.log)
    return _answer(toolchain, ended)


def run_program(
    toolchain: Toolchain,
    command: Sequence[str | Path],
    work: Path,
    request: bytes = b"",
    time_limit_s: float | None = None,
    variables: Mapping[str, str] | None = None,
) -> processes.Ended:
    """Run a program for a toolchain in the folder ``work`` (``processes.run``).

    Raises:
        ToolchainFailed: it cannot be started, or was not done after ``time_limit_s``.
    """
    try:
        return processes.run(command, work, request=request, time_limit_s=time_limit_s, variables=variables)
    except processes.NotStartedError as error:
        raise ToolchainFailed(str(error), toolchain.name, "") from error
    except processes.TimeLimitError as error:
        raise ToolchainFailed(
            f"{toolchain.name} was not done after {error.time_limit_s:g} s and was ended; give it longer "
            "with `time_limit`",
            toolchain.name,
            error.log,
        ) from error


def _answer(toolchain: Toolchain, ended: processes.Ended) -> dict[str, Any]:
    try:
        answer = json.loads(ended.output)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise ToolchainFailed(
            f"{toolchain.name} ended well and answered {_shown(ended.output)}, not a JSON object",
            toolchain.name,
            ended.log,
        )
    return answer


def _shown(output: bytes, longest: int = 60) -> str:
    return repr(output[:longest].decode(errors="replace")) + ("..." if len(output) > longest else "")
