"""Imported before OpenVINO, which otherwise tells its makers of each import and each conversion, over the
network and from a process of its own. Without its package for that it keeps quiet."""

from __future__ import annotations

import sys
from typing import Any

modules: dict[str, Any] = sys.modules
modules.setdefault("openvino_telemetry", None)
