"""Run the script of an isolated environment in a child process: send it a request and read the response."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from posedeploy import processes
from posedeploy.environments.environment_specs import FOLDER, EnvironmentSpec
from posedeploy.environments.locations import interpreter
from posedeploy.errors import IsolatedProgramError

HARNESS = FOLDER / "worker" / "harness.py"
ISOLATED = ("-I", "-u", "-X", "utf8")
"""Options of Python: ignore PYTHON* variables, the user's own packages and the current folder; do not buffer
output, so that the log is complete; use UTF-8 on every system."""
MAX_SHOWN_BYTES = 60


def run_request(
    environment: Path,
    spec: EnvironmentSpec,
    request: Mapping[str, Any],
    folder: Path,
    time_limit_s: float | None = None,
) -> dict[str, Any]:
    """Return the response of an environment's script to a request.

    Args:
        environment: the folder of the installed environment.
        folder: for temporary files; its path may contain any character.

    Raises:
        IsolatedProgramError: the script failed, took longer than ``time_limit_s``, or did not return a JSON
            object.
    """
    with tempfile.TemporaryDirectory(prefix=f"{spec.name}-", dir=folder.absolute()) as work:
        result = run_program(
            spec,
            [interpreter(environment), *ISOLATED, HARNESS, spec.script.absolute()],
            Path(work),
            request=json.dumps(request).encode() + b"\n",
            time_limit_s=time_limit_s,
            variables=spec.variables,
        )
    if result.status < 0:
        hint = "; the machine probably ran out of memory" if result.status == -9 else ""
        raise IsolatedProgramError(
            f"{spec.name} was ended by signal {-result.status} ({result.last_line}){hint}",
            spec.name,
            result.log,
        )
    if result.status != 0:
        raise IsolatedProgramError(f"{spec.name} failed: {result.last_line}", spec.name, result.log)
    return _parse_response(spec, result)


def run_program(
    spec: EnvironmentSpec,
    command: Sequence[str | Path],
    work: Path,
    request: bytes = b"",
    time_limit_s: float | None = None,
    variables: Mapping[str, str] | None = None,
) -> processes.ProgramResult:
    """Run a program for an environment in the folder ``work`` (``processes.run``).

    Raises:
        IsolatedProgramError: the program cannot be started, or did not finish within ``time_limit_s``.
    """
    try:
        return processes.run(command, work, request=request, time_limit_s=time_limit_s, variables=variables)
    except processes.NotStartedError as error:
        raise IsolatedProgramError(str(error), spec.name, "") from error
    except processes.TimeLimitError as error:
        raise IsolatedProgramError(
            f"{spec.name} did not finish within {error.time_limit_s:g} s; increase `time_limit`",
            spec.name,
            error.log,
        ) from error


def _parse_response(spec: EnvironmentSpec, result: processes.ProgramResult) -> dict[str, Any]:
    try:
        response = json.loads(result.output)
    except ValueError:
        response = None
    if not isinstance(response, dict):
        shown = repr(result.output[:MAX_SHOWN_BYTES].decode(errors="replace"))
        more = "..." if len(result.output) > MAX_SHOWN_BYTES else ""
        raise IsolatedProgramError(
            f"{spec.name} exited with status 0 but returned {shown}{more}, expected a JSON object",
            spec.name,
            result.log,
        )
    return response
