"""The configurations of a search: what is exported, and how it is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal, TypeAlias

from posedeploy.backends import TARGETS
from posedeploy.printable import counted
from posedeploy.types import Hint

Objective: TypeAlias = Literal["latency", "throughput", "size"]
ImageSize: TypeAlias = tuple[int, int]
"""(height, width) in px."""


@dataclass(frozen=True)
class ModelFile:
    """One export. input_size: None for the published size. batch: images, or people, in one run."""

    target: str
    precision: str
    input_size: ImageSize | None = None
    batch: int = 1

    @property
    def suffix(self) -> str:
        """The part of its name that the same export with the published size and batch 1 lacks."""
        size = "-{}x{}".format(*self.input_size) if self.input_size else ""
        return size + (f"-b{self.batch}" if self.batch > 1 else "")


@dataclass(frozen=True)
class Configuration:
    """A model file and how to run it. threads: None for a device other than the CPU."""

    file: ModelFile
    runtime: str
    threads: int | None = None
    hint: Hint = "latency"

    @property
    def label(self) -> str:
        """A name that no other configuration has: ``openvino bf16, 192x344, 2 threads``."""
        file = self.file
        parts = [
            describe_file(file.target, file.precision, self.runtime),
            "{}x{}".format(*file.input_size) if file.input_size else "",
            f"batch {file.batch}" if file.batch > 1 else "",
            counted(self.threads, "thread") if self.threads else "",
            "throughput hint" if self.hint == "throughput" else "",
        ]
        return ", ".join(filter(None, parts))


def describe_file(target: str, precision: str, runtime: str) -> str:
    """Return a file with its runtime, if that is not the default one: ``onnx fp16 on openvino``."""
    is_default = runtime == TARGETS[target].runtimes[0]
    return f"{target} {precision}" + ("" if is_default else f" on {runtime}")


@dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """The values that a search may try. The first value of each axis is that of the first configurations.

    files: (target, precision), the most promising first. runtimes: those of each file. hint: of all.
    """

    files: Sequence[tuple[str, str]]
    runtimes: Mapping[tuple[str, str], Sequence[str]]
    input_sizes: Sequence[ImageSize | None] = (None,)
    batches: Sequence[int] = (1,)
    threads: Sequence[int | None] = (None,)
    hint: Hint = "latency"

    @property
    def model_files(self) -> Iterator[ModelFile]:
        """All exports that a search may make."""
        for (target, precision), size, batch in product(self.files, self.input_sizes, self.batches):
            yield ModelFile(target, precision, size, batch)

    def first_configurations(self) -> list[Configuration]:
        """Return each target on each of its runtimes in each precision, with the first value of all else."""
        return [
            Configuration(
                ModelFile(target, precision, self.input_sizes[0], self.batches[0]),
                runtime,
                self.threads[0],
                self.hint,
            )
            for target, precision in self.files
            for runtime in self.runtimes[target, precision]
        ]

    def neighbors(self, configuration: Configuration) -> Iterator[Configuration]:
        """Yield the configurations that differ in one other value, those of the same file first."""
        file = configuration.file
        others = (
            *(replace(configuration, threads=threads) for threads in self.threads),
            *(replace(configuration, file=replace(file, input_size=size)) for size in self.input_sizes),
            *(replace(configuration, file=replace(file, batch=batch)) for batch in self.batches),
        )
        yield from (other for other in others if other != configuration)
