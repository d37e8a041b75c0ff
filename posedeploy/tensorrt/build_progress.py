"""Run a TensorRT build with progress reports; Ctrl-C ends it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

from posedeploy.types import OnProgress


def build_serialized(builder: Any, network: Any, config: Any, monitor: Any) -> Any:
    """Build an engine in its own thread: Ctrl-C interrupts the main thread, and must not pass through
    TensorRT. The build then ends at its next step."""
    config.progress_monitor = monitor
    with ThreadPoolExecutor(1) as pool:
        building = pool.submit(builder.build_serialized_network, network, config)
        try:
            built = building.result()
        except KeyboardInterrupt as interrupt:
            monitor.raised = interrupt
            raise
    if monitor.raised is not None:
        raise monitor.raised
    return built


def progress_monitor(api: ModuleType, on_progress: OnProgress) -> Any:
    """Return a monitor that reports TensorRT's nested phases as one fraction of the build.

    An exception cannot pass through TensorRT: it ends the build and is stored in ``raised``.
    """

    class Monitor(api.IProgressMonitor):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            api.IProgressMonitor.__init__(self)
            self.raised: BaseException | None = None
            self._fraction = 0.0
            self._spans: dict[str, tuple[float, float]] = {}
            self._steps: dict[str, tuple[int, int]] = {}

        def phase_start(self, name: str, parent: str | None, steps: int) -> None:
            start, length = 0.0, 1.0
            if parent in self._spans:
                start, length = self._spans[parent]
                completed, count = self._steps[parent]
                start, length = start + length * completed / count, length / count
            self._spans[name], self._steps[name] = (start, length), (0, max(1, steps))

        def step_complete(self, name: str, step: int) -> bool:
            if self.raised is not None or name not in self._steps:
                return self.raised is None  # another phase of this name may have ended meanwhile
            try:
                _, count = self._steps[name]
                self._steps[name] = (step + 1, count)
                start, length = self._spans[name]
                # Phases of the same name overlap, and the reported fraction must not decrease.
                self._fraction = max(self._fraction, min(1.0, start + length * (step + 1) / count))
                on_progress(name, self._fraction)
            except BaseException as error:
                self.raised = error
            return self.raised is None

        def phase_finish(self, name: str) -> None:
            self._spans.pop(name, None)
            self._steps.pop(name, None)

    return Monitor()
