"""What PyTorch writes since 1.6: a zip archive with one pickle, and a member for each storage."""

from __future__ import annotations

from typing import Any

from posedeploy.pickles.archives import Archive
from posedeploy.pickles.machine import Calls, Machine
from posedeploy.pickles.meter import Meter
from posedeploy.pickles.opcodes import run
from posedeploy.pickles.tensors import Storages
from posedeploy.pickles.values import PickleError
from posedeploy.types import Array

PICKLE = "data.pkl"


def root_of(names: tuple[str, ...]) -> str | None:
    """The folder in an archive that holds the pickle, with its slash; None where there is none."""
    found = [name for name in names if name == PICKLE or name.endswith("/" + PICKLE)]
    return min(found, key=len).removesuffix(PICKLE) if found else None


def load_torch_archive(archive: Archive, root: str, meter: Meter, calls: Calls) -> Any:
    """The content of such an archive; its tensors are read when they are asked for.

    Raises:
        PickleError: it is damaged, hostile or of another kind.
    """
    loaded = 0

    def read(key: str, size: int) -> Array:
        nonlocal loaded
        member = archive.member(f"{root}data/{key}")
        if member.size < size:
            raise PickleError(f"storage {key} has {member.size} bytes and needs {size}")
        loaded += size
        if loaded > meter.allowed:
            raise PickleError("its storages overlap")
        return member.array(0, size)

    order = f"{root}byteorder"
    big_endian = order in archive.names and archive.member(order).head(8) == b"big"
    storages = Storages(read, big_endian)
    region = archive.member(root + PICKLE)
    return run(Machine(region.stream(), region.size, meter, calls, storages.named))
