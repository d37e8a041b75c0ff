"""The targets that every machine can run, and conditions on the GPU."""

from __future__ import annotations

import pytest

from posedeploy.backends import RUNTIMES, TARGETS
from posedeploy.errors import DeviceError

ON_CPU = {
    name: target
    for name, target in TARGETS.items()
    if all("cpu" in RUNTIMES[runtime].devices for runtime in target.runtimes)
}
"""The targets whose runtimes support the CPU."""

COMPILING_IS_SLOW = [
    pytest.param(name, marks=pytest.mark.slow) if name == "aoti" else name for name in ON_CPU
]
"""The same as parameters, for tests that export to them: AOTInductor calls a C++ compiler."""


def skip_without_gpu() -> None:
    """Skip a test on a machine without a GPU."""
    from posedeploy.cuda import gpu

    try:
        gpu()
    except DeviceError as error:
        pytest.skip(str(error))


def skip_with_gpu() -> None:
    """Skip a test on a machine with a GPU."""
    from posedeploy.cuda import gpu

    try:
        name = gpu().name
    except DeviceError:
        return
    pytest.skip(f"this machine has a GPU: {name}")
