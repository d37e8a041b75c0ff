"""Read pickles of any origin without importing, calling or running anything in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from posedeploy.pickles.calls import CALLS
from posedeploy.pickles.legacy import load_legacy
from posedeploy.pickles.meter import Meter
from posedeploy.pickles.regions import FileRegion


def load_pickle(region: FileRegion, meter: Meter | None = None) -> Any:
    """Read a pickle, or a file of ``torch.save`` that is not a zip archive.

    Plain containers, numbers, text and bytes are returned as they are, arrays and tensors as ``ArrayRecord``
    and ``TensorRecord`` or as ``Unreadable``, and all else as ``Global`` or ``StandIn``.

    Raises:
        PickleError: it is not a pickle, is damaged, or exceeds a limit.
    """
    return load_legacy(region, meter or Meter(region.size), CALLS)


def read_pickle(path: Path) -> Any:
    """Read a file with ``load_pickle``.

    Raises:
        PickleError: as ``load_pickle``.
        OSError: the file cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        return load_pickle(FileRegion(file, 0, path.stat().st_size))
