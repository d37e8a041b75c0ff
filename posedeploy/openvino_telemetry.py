"""Disable OpenVINO's telemetry, which reports each import and conversion over the network from a separate
process.

Import this module before OpenVINO, which sends nothing without the package ``openvino_telemetry``.
"""

from __future__ import annotations

import sys
from typing import Any

modules: dict[str, Any] = sys.modules
modules.setdefault("openvino_telemetry", None)
