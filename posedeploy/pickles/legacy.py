"""What PyTorch wrote before 1.6, and writes when asked to: pickles, then the storages one after another."""

from __future__ import annotations

import io
from typing import Any

from posedeploy.limits import MAX_NESTED_FILES
from posedeploy.pickles.machine import Calls, Machine
from posedeploy.pickles.meter import Meter, check
from posedeploy.pickles.opcodes import run
from posedeploy.pickles.regions import Region
from posedeploy.pickles.tensors import Storages
from posedeploy.pickles.values import PickleError
from posedeploy.types import Array

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
COUNT_BYTES = 8


def load_legacy(region: Region, meter: Meter, calls: Calls, depth: int = 0) -> Any:
    """The content of such a file; a bare pickle, which has no storages, is read as well.

    Raises:
        PickleError: it is damaged, hostile or of another kind.
    """
    stream = region.stream()
    places: dict[str, int] = {}

    def read(key: str, size: int) -> Array:
        if key not in places:
            raise PickleError(f"storage {key} is missing")
        return region.array(places[key], size)

    storages = Storages(read)

    def load() -> Any:
        return run(Machine(stream, region.size, meter, calls, storages.named, depth))

    first = load()
    if type(first) is not int or first != MAGIC:
        return first
    version, _, content, keys = load(), load(), load(), load()
    if type(version) is not int or version != PROTOCOL:
        raise PickleError(f"its version is {version if type(version) is int else 'none'}, not {PROTOCOL}")
    if not isinstance(keys, list) or not all(isinstance(key, str | int) for key in keys):
        raise PickleError("it does not list its storages")
    _find(region, stream.tell(), keys, storages, places)
    return content


def _find(region: Region, position: int, keys: list[Any], storages: Storages, places: dict[str, int]) -> None:
    """Where each storage begins: they lie one after another, each behind its number of elements."""
    for key in keys:
        storage = storages.by_key.get(str(key))
        if storage is None:
            raise PickleError(f"storage {key} is used by no tensor")
        count = int.from_bytes(bytes(region.array(position, COUNT_BYTES)), "little")
        if count < storage.count or not storage.item_bytes:
            raise PickleError(f"storage {key} has {count} elements and needs {storage.count}")
        places[storage.key] = position + COUNT_BYTES
        position += COUNT_BYTES + count * storage.item_bytes
        if position > region.size:
            raise PickleError("it is cut off")


def storage_in_bytes(machine: Machine, content: Any) -> Any:
    """``torch.storage._load_from_bytes``: a whole file as bytes, which ``pickle.dump`` makes of a tensor."""
    if not isinstance(content, bytes):
        raise ValueError("not bytes")
    check("files inside each other", machine.depth + 1, MAX_NESTED_FILES)
    region = Region(io.BytesIO(content), 0, len(content))
    return load_legacy(region, machine.meter, machine.calls, machine.depth + 1)
