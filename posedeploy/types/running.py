"""The options of a runtime, and what the runtime reports that it uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from posedeploy.argument_types import check_fields
from posedeploy.devices import normalize_device
from posedeploy.errors import DeviceError

Precision: TypeAlias = Literal["fp32", "tf32", "fp16", "bf16", "auto"]
Hint: TypeAlias = Literal["latency", "throughput"]
Scenario: TypeAlias = Literal["single-stream", "offline"]
"""The order in which a benchmark sends inputs, as MLPerf defines it: one after another, or all at once."""
HINTS: Mapping[Scenario, Hint] = {"single-stream": "latency", "offline": "throughput"}
"""The hint to the runtime, by scenario."""


@check_fields
@dataclass(frozen=True)
class RunOptions:
    """The options to run an artifact.

    device: one of ``devices.DEVICES``, in any case. precision: None for the one of the file, FP32 if the file
    leaves it open; ``auto`` for the choice of the runtime. threads: None for one per physical core of this
    process. cuda_graphs: on a GPU, replay networks of fixed shapes as one CUDA graph.
    """

    device: str = "cpu"
    precision: Precision | None = None
    threads: int | None = None
    hint: Hint = "latency"
    cuda_graphs: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "device", normalize_device(self.device))
        if self.threads is not None and self.threads < 1:
            raise DeviceError(f"`threads={self.threads}`: expected a thread count of at least 1")


CUDA_GRAPH = "CUDA graph"
"""A key of ``RuntimeInfo.details``: ``no``, ``no: REASON``, or when a run is replayed as one."""


LAYERS = "layers"
"""A key of ``RuntimeInfo.details``: the layers by precision, if the runtime reports them."""

STREAMS = "streams"
"""A key of ``RuntimeInfo.details``: how many inferences the runtime runs at once, if it reports that."""


@dataclass(frozen=True)
class RuntimeInfo:
    """The settings that a runtime reports that it uses.

    device: the runtime's own name. threads: None for a device other than the CPU.
    """

    runtime: str
    version: str
    device: str
    precision: str
    threads: int | None
    details: Mapping[str, str] = field(default_factory=dict)

    @property
    def uses_cuda_graph(self) -> bool:
        """Whether runs are replayed as a CUDA graph."""
        return not self.details.get(CUDA_GRAPH, "no").startswith("no")

    @property
    def layers(self) -> str:
        """The layers by precision; empty if the runtime does not report them."""
        return self.details.get(LAYERS, "")

    @property
    def streams(self) -> int:
        """The number of inferences that run at once; 1 if the runtime does not report it."""
        streams = self.details.get(STREAMS, "1")
        return int(streams) if streams.isdecimal() else 1
