"""The rows of the tables that any machine can try."""

from __future__ import annotations

import openvino
import pytest

from posedeploy.backends import RUNTIMES, TARGETS
from posedeploy.errors import DeviceError

ON_CPU = {
    name: target
    for name, target in TARGETS.items()
    if all("cpu" in RUNTIMES[runtime].devices for runtime in target.runtimes)
}
"""The targets whose runtimes run on a CPU; the others' tests say what stands in for their device."""

NEEDS_BF16 = pytest.mark.skipif(
    "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"),
    reason="this CPU computes nothing in bf16",
)
"""For tests that run a file in BF16."""


def gpu_here(wanted: bool = True) -> None:
    """Skip a test where there is no GPU, or, for one of what is said then, where there is one."""
    from posedeploy.cuda import gpu

    try:
        found = gpu().name
    except DeviceError as error:
        if wanted:
            pytest.skip(str(error))
    else:
        if not wanted:
            pytest.skip(f"this machine has a GPU: {found}")
