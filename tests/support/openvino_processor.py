"""The precisions that OpenVINO computes in on this processor."""

from __future__ import annotations

import platform
from pathlib import Path

import openvino
import pytest

NEEDS_BF16 = pytest.mark.skipif(
    "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"),
    reason="this CPU computes nothing in bf16",
)
"""For tests that run a file in BF16."""


def saturates_int8() -> bool:
    """Return whether this processor adds two products of 8 bits in 16 bits: an x86 processor without VNNI."""
    processor = Path("/proc/cpuinfo")
    return platform.machine() == "x86_64" and processor.is_file() and "vnni" not in processor.read_text()
