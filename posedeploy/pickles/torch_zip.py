"""Read the format of PyTorch since 1.6: a zip archive of one pickle and a member for each storage."""

from __future__ import annotations

from typing import Any

from posedeploy.pickles.archives import Archive
from posedeploy.pickles.machine import Calls, PickleMachine
from posedeploy.pickles.meter import Meter
from posedeploy.pickles.opcodes import run
from posedeploy.pickles.tensors import Storages
from posedeploy.pickles.values import PickleError
from posedeploy.types import Array

PICKLE = "data.pkl"


def find_root(names: tuple[str, ...]) -> str | None:
    """Return the folder of the pickle in an archive, with a slash at the end; None without a pickle."""
    pickles = [name for name in names if name == PICKLE or name.endswith("/" + PICKLE)]
    return min(pickles, key=len).removesuffix(PICKLE) if pickles else None


def load_torch_archive(archive: Archive, root: str, meter: Meter, calls: Calls) -> Any:
    """Read an archive. The bytes of its tensors are read on demand.

    Raises:
        PickleError: it is damaged or hostile, or has another format.
    """
    loaded = 0

    def read(key: str, size: int) -> Array:
        nonlocal loaded
        member = archive.member(f"{root}data/{key}")
        if member.size < size:
            raise PickleError(f"storage {key} has {member.size} bytes, but needs {size}")
        loaded += size
        if loaded > meter.max_bytes:
            raise PickleError("its storages overlap")
        return member.array(0, size)

    order = f"{root}byteorder"
    big_endian = order in archive.names and archive.member(order).head(8) == b"big"
    storages = Storages(read, big_endian)
    region = archive.member(root + PICKLE)
    return run(PickleMachine(region.stream(), region.size, meter, calls, storages.load_persistent))
