"""End a run, or let it fail, at each of its operations on files, and check the remaining files.

``python -m tests.staging.kill_matrix FOLDER SCENARIO KIND...`` forks for each operation and prints a list of
``Ending`` as JSON. The child wraps the functions of ``os`` and ``fcntl`` that make system calls, so
posedeploy itself has no code for this test.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import io
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import typer

from posedeploy.console.error_handling import ErrorHandlingGroup
from posedeploy.console.output import fail
from posedeploy.console.path_checks import CommandGroup
from posedeploy.errors import OutputError
from posedeploy.files import write_text
from posedeploy.staging import file_lock, recovery
from posedeploy.staging.recovery import PREFIX, recover
from tests.staging.counted_calls import CHANGES, READS, Count, run_forked
from tests.staging.scenarios import SCENARIOS, Recovering, Scenario

ENDINGS = ("KILL", "TERM", "INT", "INT twice", "INT repeatedly")
ERRORS = ("ENOSPC", "EIO", "EACCES")


@dataclass(frozen=True)
class Ending:
    """The files that one run leaves.

    at: the operation before which it was ended, or which failed. raw: the files before any other run. then:
    after another run has opened the folder. after: after it has also written to the folder.
    """

    how: str
    at: int
    operation: str
    status: int
    message: str
    raw: dict[str, str]
    then: dict[str, str]
    after: dict[str, str]
    hidden: list[str]
    problem: str


def _nothing(descriptor: int) -> None:
    pass


def _files(folder: Path) -> dict[str, str]:
    return {
        path.name: path.read_text() for path in sorted(folder.iterdir()) if not path.name.startswith(PREFIX)
    }


def _hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith(PREFIX))


_app = CommandGroup(cls=ErrorHandlingGroup, pretty_exceptions_enable=False)
_work: list[Callable[[], None]] = []


@_app.command()
def write() -> None:
    """Run the work inside the error handling of the command line."""
    _work[0]()


@_app.command()
def other() -> None:
    """Make the app a group of commands."""


_command = typer.main.get_command(_app)


def _run(scenario: Scenario, folder: Path, count: Count, names: tuple[str, ...]) -> None:
    """Write in this process, as the command line does."""

    def work() -> None:
        with count.counting(names):
            scenario.write(folder)

    _work[:] = [work]
    _command(["write"])


def _prepare(scenario: Scenario, folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    for name, text in scenario.old.items():
        (folder / name).write_text(text)
    if isinstance(scenario, Recovering):
        replaced = iter(range(100))

        def kill(name: str, arguments: tuple[Any, ...]) -> None:
            os.kill(os.getpid(), signal.SIGKILL)

        class Third(Count):
            def wrap(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
                def counted(*arguments: Any, **options: Any) -> Any:
                    if name in ("rename", "replace") and next(replaced) == 3:
                        kill(name, arguments)
                    return function(*arguments, **options)

                return counted

        writer = Scenario(scenario.old, scenario.new, scenario.outdated)
        run_forked(lambda: _run(writer, folder, Third(0, kill), CHANGES), folder.with_suffix(".err"))
        assert len(_hidden(folder)) == 2, "it was killed while it held both locks"


def _signal(how: str) -> Callable[[str, tuple[Any, ...]], None]:
    number = signal.Signals[f"SIG{how.split()[0]}"]

    def act(name: str, arguments: tuple[Any, ...]) -> None:
        for _ in range(2 if how.endswith("twice") else 1):
            os.kill(os.getpid(), number)

    return act


def _failing(name_of_error: str) -> Callable[[str, tuple[Any, ...]], None]:
    number = getattr(errno, name_of_error)

    def act(name: str, arguments: tuple[Any, ...]) -> None:
        names = [os.fspath(a) for a in arguments[:2] if isinstance(a, str | os.PathLike)]
        raise OSError(number, os.strerror(number), *names[:1])

    return act


KINDS: dict[str, tuple[Callable[[str, tuple[Any, ...]], None], tuple[str, ...], bool]] = (
    {how: (_signal(how), CHANGES, how.endswith("repeatedly")) for how in ENDINGS}
    | {how: (_failing(how), CHANGES + READS, False) for how in ERRORS}
    | {f"{how} lasting": (_failing(how), CHANGES, True) for how in ERRORS}
)
"""The ways to end a run: the act at an operation, the counted operations, and whether all later ones fail."""


def _endings(scenario: Scenario, folder: Path, how: str) -> Iterator[Ending]:
    act, names, lasting = KINDS[how]
    total, operations = _length(scenario, folder, names)
    for at in range(1, total + 1):
        _prepare(scenario, folder)
        output = folder.with_suffix(".err")
        count = Count(at, act, lasting)
        status = run_forked(lambda count=count: _run(scenario, folder, count, names), output)
        raw, problem = _files(folder), ""
        then: dict[str, str] = {}
        try:
            recover(folder)
            then = _files(folder)
            write_text(folder / "next.txt", "next")
        except OutputError as error:
            problem = str(error)
        after = _files(folder)
        after.pop("next.txt", None)
        yield Ending(
            how,
            at,
            operations[at - 1],
            status,
            output.read_text(),
            raw,
            then,
            after,
            _hidden(folder),
            problem,
        )


def _length(scenario: Scenario, folder: Path, names: tuple[str, ...]) -> tuple[int, list[str]]:
    _prepare(scenario, folder)
    count = Count(0, lambda name, arguments: None)
    with count.counting(names):
        scenario.write(folder)
    assert _files(folder) == scenario.new
    return count.done, count.names


def main(folder: Path, name: str, kinds: Sequence[str]) -> None:
    """Print the endings of a scenario's runs that are ended in these ways."""
    file_lock.WAIT_S = recovery.WAIT_S = 0.2
    os.fsync = _nothing  # a kill loses no data that the system has received
    _work[:] = [lambda: fail("")]  # imports all modules before the forks
    with contextlib.suppress(SystemExit), contextlib.redirect_stderr(io.StringIO()):
        _command(["write"])
    gc.disable()
    gc.freeze()  # the children share the memory of this process
    endings = (ending for how in kinds for ending in _endings(SCENARIOS[name], folder, how))
    json.dump([asdict(ending) for ending in endings], sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
