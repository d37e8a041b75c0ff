"""The ``bisect`` command that examines an artifact as ``parity`` compared it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from posedeploy.api.readable_images import split_videos

REPEATED = (
    "device", "precision", "threads", "runtime", "checkpoint", "family", "network", "stages", "mesh",
    "weights", "contract",
)  # fmt: skip
"""The arguments of a comparison that ``bisect`` has too."""


def format_bisect(label: str, arguments: Mapping[str, Any]) -> str:
    """Return the command for a shell.

    Args:
        label: the path of the artifact. arguments: those of the comparison, as plain values.
    """
    words = ["posedeploy", "bisect", label]
    for name in REPEATED:
        value = arguments.get(name)
        if value is not None and (name, value) != ("device", "cpu"):
            words += [f"--{name}", str(value)]
    return shlex.join([*words, *_list_images(arguments)])


def _list_images(arguments: Mapping[str, Any]) -> Iterator[str]:
    """Yield the images; ``bisect`` takes no videos."""
    for path in split_videos([Path(each) for each in arguments.get("images") or ()])[0]:
        yield from ("--images", str(path))
