"""Reading pickles, whoever made them: none of what is in them is imported, called or run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from posedeploy.pickles.calls import CALLS
from posedeploy.pickles.legacy import load_legacy
from posedeploy.pickles.meter import Meter
from posedeploy.pickles.regions import Region


def load_pickle(region: Region, meter: Meter | None = None) -> Any:
    """What a pickle holds, or a file of ``torch.save`` that is no zip archive.

    Plain containers, numbers, text and bytes are themselves; arrays and tensors are ``ArrayRecord`` and
    ``TensorRecord``, or ``Unreadable``; all else is a ``Global`` or a ``StandIn``.

    Raises:
        PickleError: it is damaged, goes beyond a limit, or is no pickle.
    """
    return load_legacy(region, meter or Meter(region.size), CALLS)


def read_pickle(path: Path) -> Any:
    """``load_pickle`` of a file.

    Raises:
        PickleError: as there.
        OSError: the file cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        return load_pickle(Region(file, 0, path.stat().st_size))
