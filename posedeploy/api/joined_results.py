"""Results of several files, joined: each timed model with its comparison with PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import NamedTuple, TypeAlias

from posedeploy.api.bench_document import BenchDocument
from posedeploy.api.compared_models import format_shapes
from posedeploy.api.earlier_report import EARLIER, SAME_MACHINE
from posedeploy.api.parity_document import ParityDocument, ParityRow
from posedeploy.api.result_files import ResultFile
from posedeploy.api.tune_document import TuneDocument
from posedeploy.benchmarks.latency import Latency
from posedeploy.benchmarks.machine_info import Machine
from posedeploy.benchmarks.time_comparison import TimeComparison

Hashes: TypeAlias = tuple[str, ...]
"""The hashes of the files of a model, which may have been renamed."""


class Compared(NamedTuple):
    """A comparison with PyTorch or with another artifact, its file and its machine."""

    row: ParityRow
    file: str
    machine: Machine


class Timed(NamedTuple):
    """A timed model, its file and its machine. is_reference: PyTorch on the checkpoint of other rows."""

    row: Latency
    file: str
    machine: Machine
    is_reference: bool


@dataclass(frozen=True)
class Deployment:
    """A timed model with its comparison with PyTorch, if any. number: on the page, from 1."""

    number: int
    timed: Timed
    compared: Compared | None

    @property
    def latency(self) -> Latency:
        """The times."""
        return self.timed.row

    @property
    def parity(self) -> ParityRow | None:
        """The comparison with PyTorch; None if it is unknown."""
        return self.compared.row if self.compared is not None else None


@dataclass(frozen=True)
class Group:
    """Deployments of one checkpoint, whose times can be compared. title: how they ran."""

    title: str
    machine: Machine
    deployments: tuple[Deployment, ...]


@dataclass(frozen=True, kw_only=True)
class JoinedResults:
    """The content of a report.

    parity: all comparisons, those with another artifact included. comparisons: the verdicts of
    ``bench --compare``, each with its file. searches: those of ``tune``. errors: why artifacts did not run,
    by path.
    """

    files: tuple[ResultFile, ...]
    groups: tuple[Group, ...]
    parity: tuple[Compared, ...]
    comparisons: tuple[tuple[str, TimeComparison], ...]
    searches: tuple[TuneDocument, ...]
    errors: Mapping[str, str]

    @property
    def benchmarks(self) -> Iterator[tuple[str, BenchDocument]]:
        """The names and the documents of ``bench``."""
        for file in self.files:
            if isinstance(file.document, BenchDocument):
                yield file.name, file.document

    @property
    def with_pytorch(self) -> tuple[Compared, ...]:
        """The comparisons with PyTorch, whose errors are those of a model."""
        return tuple(each for each in self.parity if each.row.against is None)


def join_results(files: Sequence[ResultFile]) -> JoinedResults:
    """Join the results by the hashes of the models, and by the runtime, device and precision."""
    timed = list(_list_timed(files))
    parity = [
        Compared(row, file.name, file.document.machine)
        for file in files
        if isinstance(file.document, ParityDocument)
        for row in file.document.results
    ]
    by_model = {deployment_key(each.row): each for each in parity if each.row.against is None}
    groups = _group([Deployment(0, each, by_model.get(deployment_key(each.row))) for each in timed])
    return JoinedResults(
        files=tuple(files),
        groups=groups,
        parity=tuple(parity),
        comparisons=tuple(
            (file.name, each)
            for file in files
            if isinstance(file.document, BenchDocument)
            for each in file.document.comparisons
        ),
        searches=tuple(file.document for file in files if isinstance(file.document, TuneDocument)),
        errors={
            path: message
            for file in files
            if isinstance(file.document, ParityDocument)
            for path, message in file.document.errors.items()
        },
    )


def _list_timed(files: Sequence[ResultFile]) -> Iterator[Timed]:
    for file in files:
        if isinstance(file.document, BenchDocument):
            baselines = {row.baseline for row in file.document.results}
            for row in file.document.results:
                yield Timed(row, file.name, file.document.machine, row.label in baselines)


def hashes_of(row: Latency | ParityRow) -> Hashes:
    """Return the hashes of the files of a model, in an order that does not depend on their names."""
    return tuple(sorted(row.model_sha256.values()))


def deployment_key(row: Latency | ParityRow) -> tuple[object, ...]:
    """Return what two results of the same deployment share; without hashes, nothing does."""
    info = row.runtime_info
    return (hashes_of(row) or id(row), info.runtime, info.device, info.precision)


def machine_key(machine: Machine) -> tuple[object, ...]:
    """Return what identifies a machine."""
    return tuple(getattr(machine, name) for name in SAME_MACHINE)


def distinguish_machines(machines: Iterable[Machine]) -> Callable[[Machine], tuple[object, ...]]:
    """Return a key of machines that includes their GPUs where several are recorded. A result on a
    CPU records none."""
    gpus: dict[tuple[object, ...], set[str]] = {}
    for machine in machines:
        gpus.setdefault(machine_key(machine), set()).update({machine.gpu} - {""})

    def key(machine: Machine) -> tuple[object, ...]:
        base = machine_key(machine)
        return (*base, machine.gpu if len(gpus[base]) > 1 else "")

    return key


def _group(deployments: Sequence[Deployment]) -> tuple[Group, ...]:
    """Return the deployments by machine, checkpoint and input, PyTorch first, and number them."""
    rows = {(each.timed.file, each.latency.label): each.latency for each in deployments}
    parts: dict[tuple[object, ...], list[Deployment]] = {}
    titles: dict[tuple[object, ...], str] = {}
    machine_of = distinguish_machines(each.timed.machine for each in deployments)
    for each in deployments:
        row, subject = each.latency, _subject(each.timed, rows)
        name = subject.label.removesuffix(" (PyTorch)")
        shapes = format_shapes(row.input_shapes.values())
        model = hashes_of(subject) or name
        key = (machine_of(each.timed.machine), model, row.scenario, row.batch, shapes)
        parts.setdefault(key, []).append(each)
        images = "1 image" if row.batch == 1 else f"{row.batch} images"
        titles[key] = ", ".join((name, row.scenario, f"{images} in a run", f"input {shapes}"))
    groups: list[Group] = []
    numbers = count(1)
    for title, members in zip(titles.values(), parts.values(), strict=True):
        members.sort(key=lambda each: (not each.timed.is_reference, each.latency.median_ms))
        numbered = tuple(replace(each, number=next(numbers)) for each in members)
        groups.append(Group(title, members[0].timed.machine, numbered))
    return tuple(groups)


def _subject(timed: Timed, rows: Mapping[tuple[str, str], Latency]) -> Latency:
    """Return the row that names the group of a timed model: PyTorch on its checkpoint or, if that was not
    timed, the model itself. The file of an earlier report belongs to the model that replaced it.

    rows: by file and label.
    """
    row = rows.get((timed.file, timed.row.label.removesuffix(EARLIER)), timed.row)
    return rows.get((timed.file, row.baseline or ""), row)
