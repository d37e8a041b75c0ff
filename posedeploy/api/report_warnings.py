"""Warnings about joined results, a sentence each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from posedeploy.api.joined_results import (
    Compared,
    Deployment,
    JoinedResults,
    deployment_key,
    distinguish_machines,
    hashes_of,
    machine_key,
)
from posedeploy.api.result_files import ResultFile
from posedeploy.benchmarks.latency import MAX_RELATIVE_SPREAD
from posedeploy.benchmarks.machine_info import Machine
from posedeploy.printable import listed
from posedeploy.types import RuntimeInfo


def list_warnings(results: JoinedResults) -> list[str]:
    """Return what limits the results, and why some of them could not be joined."""
    return [*_machine_warnings(results.files), *_join_warnings(results), *_time_warnings(results)]


def _machine_warnings(files: Sequence[ResultFile]) -> Iterator[str]:
    machines: dict[tuple[object, ...], list[ResultFile]] = {}
    key = distinguish_machines(file.document.machine for file in files)
    for file in files:
        machines.setdefault(key(file.document.machine), []).append(file)
    if len(machines) > 1:
        parts = "; ".join(
            f"{_describe_machine(members[0].document.machine)}: {listed([each.name for each in members])}"
            for members in machines.values()
        )
        yield (
            f"the results come from {len(machines)} machines, and times of different machines cannot be "
            f"compared, so each machine has a section of its own ({parts})"
        )


def _describe_machine(machine: Machine) -> str:
    return ", ".join(filter(None, (machine.cpu, f"{machine.logical_cores} cores", machine.gpu)))


def _join_warnings(results: JoinedResults) -> Iterator[str]:
    parity = results.with_pytorch
    deployments = [each for group in results.groups for each in group.deployments]
    models = [each for each in deployments if not each.timed.is_reference]
    if not models:
        return
    yield from _against(results)
    if not parity:
        return
    yield from _repeated(parity)
    if not {hashes_of(each.latency) for each in models} & {hashes_of(each.row) for each in parity}:
        yield (
            "no timed model was compared with PyTorch in these files, so latency and error cannot be joined; "
            "run `posedeploy bench` and `posedeploy parity` on the same model files"
        )
        return
    for each in models:
        if each.compared is None:
            yield _unknown_error(each, results)
        elif machine_key(each.compared.machine) != machine_key(each.timed.machine):
            yield (
                f"{each.latency.label}: its times and its error come from different machines: "
                f"{each.timed.machine.cpu} and {each.compared.machine.cpu}"
            )


def _against(results: JoinedResults) -> Iterator[str]:
    if others := [each for each in results.parity if each.row.against is not None]:
        models = listed([f"{each.row.label} with {each.row.reference_name}" for each in others])
        yield (
            f"artifacts were compared with other artifacts ({models}), which gives no errors from PyTorch; "
            "these comparisons are below the charts"
        )


def _repeated(parity: Sequence[Compared]) -> Iterator[str]:
    last: dict[tuple[object, ...], Compared] = {}
    for each in parity:
        if (before := last.get(deployment_key(each.row))) is not None:
            files = f"in {before.file} and in {each.file}"
            yield f"{each.row.label}: compared with PyTorch {files}; the chart shows the latter"
        last[deployment_key(each.row)] = each


def _unknown_error(deployment: Deployment, results: JoinedResults) -> str:
    row = deployment.latency
    for path, message in results.errors.items():
        if Path(path).name == row.label:
            return f"{row.label}: its error is unknown, because it could not be compared: {message}"
    others = [each.row for each in results.with_pytorch if hashes_of(each.row) == hashes_of(row)]
    if not others:
        return f"{row.label}: its error is unknown; add it to `posedeploy parity`"
    compared = listed([_describe(other.runtime_info) for other in others])
    return (
        f"{row.label}: its error is unknown: it was timed on {_describe(row.runtime_info)}, but compared "
        f"with PyTorch on {compared}; run both commands with the same device, runtime and precision"
    )


def _describe(info: RuntimeInfo) -> str:
    return f"{info.runtime} ({info.device}, {info.precision})"


def _time_warnings(results: JoinedResults) -> Iterator[str]:
    for name, document in results.benchmarks:
        yield from (f"{name}: {each}" for each in (*document.remarks, *document.failures))
        yield from (f"{name}: {each.warning}" for each in document.comparisons if each.warning)
        known = [row.spread for row in document.results if row.spread is not None]
        spreads = [spread for spread in known if spread > MAX_RELATIVE_SPREAD]
        if spreads:
            load = max(row.load_average for row in document.results)
            yield (
                f"{name}: the times of {len(spreads)} of {len(document.results)} models are unreliable: "
                f"their interquartile range is up to {max(spreads):.0%} of the median, at a load average of "
                f"{load:.1f} on {document.machine.logical_cores} cores; measure again on an idle machine"
            )
    for group in results.groups:
        files = sorted({each.timed.file for each in group.deployments})
        if len(files) > 1:
            yield (
                f"the times in {listed(files)} come from different measurements, between which the load of "
                "the machine may have changed; compare the speedups, which are relative to PyTorch in the "
                "same rounds"
            )
