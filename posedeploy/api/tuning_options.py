"""The options of a search, and what it may try."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from posedeploy import plugins
from posedeploy.backends import RUNTIMES, TARGETS, Runtime, Target, target_named
from posedeploy.benchmarks.budget import Budget
from posedeploy.convert.export_options import CALIBRATION_IMAGES, ExportOptions
from posedeploy.convert.prepare import prepare
from posedeploy.devices import normalize_device
from posedeploy.errors import DeviceError, InputError
from posedeploy.runtimes.run_options import physical_cores
from posedeploy.tuning.configurations import ImageSize, Objective, SearchSpace, describe_file
from posedeploy.types import Hint, Model, ModelSpec, RunOptions

HINTS: dict[Objective, Hint] = {"latency": "latency", "throughput": "throughput", "size": "latency"}
"""The hint of all candidates, by objective: that of ``bench`` in the same scenario."""
BATCHES: dict[Objective, tuple[int, ...]] = {"latency": (1,), "throughput": (1, 4), "size": (1,)}
"""The default batches to try, by objective."""
SECOND_SIZE_FACTOR = 0.75
"""The second input size to try, relative to the published one."""


@dataclass(frozen=True, kw_only=True)
class TuneOptions:
    """The options of a search.

    budget: complete, with the defaults for what the user did not limit. images: to measure errors on; empty
    for synthetic people only. targets: empty for all. input_sizes, batches, threads: the values to try; empty
    for the default ones.
    """

    budget: Budget
    device: str = "cpu"
    objective: Objective = "latency"
    images: tuple[Path, ...] = ()
    calibration: tuple[str, ...] = ()
    calibration_images: int = CALIBRATION_IMAGES
    targets: tuple[str, ...] = ()
    input_sizes: tuple[ImageSize, ...] = ()
    batches: tuple[int, ...] = ()
    threads: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "device", normalize_device(self.device))
        for target in self.targets:
            target_named(target)
        counts = [("batch", batch) for batch in self.batches]
        for name, count in (*counts, ("calibration_images", self.calibration_images)):
            if count < 1:
                raise InputError(f"`{name}={count}`: expected at least 1")
        for threads in self.threads:
            RunOptions(self.device, threads=threads)
        if self.threads and self.device != "cpu":
            raise InputError(
                f"`threads={self.threads[0]}`: a thread count is for the CPU only; leave it out, or use "
                "`device=cpu`"
            )


@dataclass(frozen=True)
class LeftOut:
    """A target that is not part of a search, or one of its files on a runtime, and the reason.

    name: ``tensorrt``, or ``onnx fp16 on openvino``.
    """

    name: str
    reason: str


def build_space(spec: ModelSpec, options: TuneOptions) -> tuple[SearchSpace, list[LeftOut]]:
    """Return what a search for this network may try on this machine, and what it leaves out.

    Raises:
        InputError: no target is left.
    """
    rows = sorted((TARGETS[name] for name in options.targets or TARGETS), key=lambda row: not row.is_default)
    left_out = [LeftOut(row.name, reason) for row in rows if (reason := _why_left_out(row, options.device))]
    names = {each.name for each in left_out}
    usable = [row for row in rows if row.name not in names]
    if not usable:
        by_reason: dict[str, list[str]] = {}
        for each in left_out:
            by_reason.setdefault(each.reason, []).append(each.name)
        reasons = "; ".join(f"{', '.join(targets)}: {reason}" for reason, targets in by_reason.items())
        raise InputError(f"no target can be tried on `device={options.device}`: {reasons}")
    files = [
        *_files(row for row in usable if row.is_default),
        *_files(row for row in usable if not row.is_default),
    ]
    runtimes: dict[tuple[str, str], list[str]] = {}
    for target, precision in files:
        runtimes[target, precision] = []
        for runtime in _runtimes(TARGETS[target], options.device):
            reason = _explain_missing_arithmetic(TARGETS[target], precision, runtime, options.device)
            if reason:
                left_out.append(LeftOut(describe_file(target, precision, runtime.name), reason))
            else:
                runtimes[target, precision].append(runtime.name)
    space = SearchSpace(
        files=[file for file in files if runtimes[file]],
        runtimes=runtimes,
        input_sizes=_input_sizes(spec, options),
        batches=options.batches or BATCHES[options.objective],
        threads=_thread_counts(options),
        hint=HINTS[options.objective],
    )
    return space, left_out


def _files(rows: Iterable[Target]) -> list[tuple[str, str]]:
    """Return the exports of targets: the first precision of each, the second of each, and so on."""
    columns = zip_longest(*([(row.name, precision) for precision in row.precisions] for row in rows))
    return [file for column in columns for file in column if file is not None]


def _runtimes(row: Target, device: str) -> list[Runtime]:
    """Return the installed runtimes of a target that have the device."""
    rows = [each for each in _runtimes_for(row, device) if plugins.version_of(each.package)]
    return [each for each in rows if not _explain_missing_device(each, device)]


def _runtimes_for(row: Target, device: str) -> list[Runtime]:
    kind = device.partition(".")[0]
    return [RUNTIMES[name] for name in row.runtimes if kind in RUNTIMES[name].devices]


def _explain_missing_device(row: Runtime, device: str) -> str:
    """Return the message of a runtime about a device that this machine lacks; '' if it has it."""
    if row.check_device is None:
        return ""
    try:
        plugins.load(row.check_device)(device)
    except DeviceError as error:
        return str(error)
    return ""


def _explain_missing_arithmetic(target: Target, precision: str, row: Runtime, device: str) -> str:
    """Return the message of a runtime about arithmetic that a file needs and the device lacks; '' if none."""
    if row.check_arithmetic is None or precision in target.free_precisions:
        return ""
    try:
        plugins.load(row.check_arithmetic)(device, target.arithmetic.get(precision, precision))
    except DeviceError as error:
        return str(error)
    return ""


def _why_left_out(row: Target, device: str) -> str:
    """Return why a target cannot be tried; '' if it can."""
    for package in row.packages:
        if plugins.version_of(package) is None:
            return str(plugins.missing_package(ModuleNotFoundError(package, name=package)))
    if _runtimes(row, device):
        return ""
    able = _runtimes_for(row, device)
    installed = [each for each in able if plugins.version_of(each.package)]
    if installed:
        return _explain_missing_device(installed[0], device)
    if able:
        return str(plugins.missing_package(ModuleNotFoundError(able[0].package, name=able[0].package)))
    devices = dict.fromkeys(each for name in row.runtimes for each in RUNTIMES[name].devices)
    return f"runs on {', '.join(devices)}, not {device}"


def _input_sizes(spec: ModelSpec, options: TuneOptions) -> tuple[ImageSize | None, ...]:
    """Return the sizes to try; None stands for the published size."""
    contract = spec.contract
    if contract is None or not spec.inputs[0].is_dynamic:
        if options.input_sizes:
            raise InputError(
                "`input_size={}x{}`: the input of this network has no other size ({}); leave it out".format(
                    *options.input_sizes[0], ", ".join(map(str, spec.inputs))
                )
            )
        return (None,)
    published = contract.height, contract.width
    if options.input_sizes:
        return tuple(None if size == published else size for size in dict.fromkeys(options.input_sizes))
    height, width = (
        max(contract.multiple, round(SECOND_SIZE_FACTOR * length / contract.multiple) * contract.multiple)
        for length in published
    )
    return (None,) if (height, width) == published else (None, (height, width))


def _thread_counts(options: TuneOptions) -> tuple[int | None, ...]:
    """Return the thread counts to try: all cores, half of them and 1."""
    if options.device != "cpu":
        return (None,)
    cores = physical_cores()
    return options.threads or tuple(dict.fromkeys((cores, max(1, cores // 2), 1)))


def check_sizes(model: Model, options: TuneOptions) -> None:
    """Check the input sizes and batches of the user.

    Raises:
        ExportError: the network cannot have one of them.
        InputError: several batches exclude each other.
    """
    if options.objective == "latency" and len(options.batches) > 1:
        raise InputError(
            f"`batch={options.batches[1]}`: latencies of different batch sizes cannot be compared; "
            "pass one batch size, or use `objective=throughput`"
        )
    for size in options.input_sizes or (None,):
        for batch in options.batches or (1,):
            prepare(model, ExportOptions(size, batch))
