"""A TensorRT build with its progress reported, which Ctrl-C ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

from posedeploy.types import OnProgress


def build_serialized(builder: Any, network: Any, config: Any, monitor: Any) -> Any:
    """Return what the builder returns, from a thread of its own: Ctrl-C comes to the main thread, and must
    not pass through TensorRT. The build then ends at its next step."""
    config.progress_monitor = monitor
    with ThreadPoolExecutor(1) as pool:
        building = pool.submit(builder.build_serialized_network, network, config)
        try:
            built = building.result()
        except KeyboardInterrupt as pressed:
            monitor.raised = pressed
            raise
    if monitor.raised is not None:
        raise monitor.raised
    return built


def progress_monitor(api: ModuleType, on_progress: OnProgress) -> Any:
    """Return a monitor that turns TensorRT's nested phases into one part of the whole.

    An exception cannot pass through TensorRT: it ends the build and is kept in ``raised``.
    """

    class Monitor(api.IProgressMonitor):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            api.IProgressMonitor.__init__(self)
            self.raised: BaseException | None = None
            self._part = 0.0
            self._within: dict[str, tuple[float, float]] = {}
            self._steps: dict[str, tuple[int, int]] = {}

        def phase_start(self, name: str, parent: str | None, steps: int) -> None:
            start, length = 0.0, 1.0
            if parent in self._within:
                start, length = self._within[parent]
                done, of = self._steps[parent]
                start, length = start + length * done / of, length / of
            self._within[name], self._steps[name] = (start, length), (0, max(1, steps))

        def step_complete(self, name: str, step: int) -> bool:
            if self.raised is not None or name not in self._steps:
                return self.raised is None  # another phase of this name may have ended meanwhile
            try:
                _, of = self._steps[name]
                self._steps[name] = (step + 1, of)
                start, length = self._within[name]
                # Phases of the same name overlap: the part that is shown never decreases.
                self._part = max(self._part, min(1.0, start + length * (step + 1) / of))
                on_progress(name, self._part)
            except BaseException as error:
                self.raised = error
            return self.raised is None

        def phase_finish(self, name: str) -> None:
            self._within.pop(name, None)
            self._steps.pop(name, None)

    return Monitor()
