"""Read the format of PyTorch before 1.6, which it still writes on request: pickles, followed by storages."""

from __future__ import annotations

import io
from typing import Any

from posedeploy.limits import MAX_NESTED_FILES
from posedeploy.pickles.machine import Calls, PickleMachine
from posedeploy.pickles.meter import Meter, check_limit
from posedeploy.pickles.opcodes import run
from posedeploy.pickles.regions import FileRegion
from posedeploy.pickles.tensors import Storages
from posedeploy.pickles.values import PickleError
from posedeploy.types import Array

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
COUNT_BYTES = 8


def load_legacy(region: FileRegion, meter: Meter, calls: Calls, depth: int = 0) -> Any:
    """Read a file in this format, or a bare pickle.

    Raises:
        PickleError: it is damaged or hostile, or has another format.
    """
    stream = region.stream()
    offsets: dict[str, int] = {}

    def read(key: str, size: int) -> Array:
        if key not in offsets:
            raise PickleError(f"storage {key} is missing")
        return region.array(offsets[key], size)

    storages = Storages(read)

    def load() -> Any:
        return run(PickleMachine(stream, region.size, meter, calls, storages.load_persistent, depth))

    first = load()
    if type(first) is not int or first != MAGIC:
        return first
    version, _, content, keys = load(), load(), load(), load()
    if type(version) is not int or version != PROTOCOL:
        shown = version if type(version) is int else "not a number"
        raise PickleError(f"its version is {shown}; expected {PROTOCOL}")
    if not isinstance(keys, list) or not all(isinstance(key, str | int) for key in keys):
        raise PickleError("it has no list of storages")
    _locate(region, stream.tell(), keys, storages, offsets)
    return content


def _locate(
    region: FileRegion, position: int, keys: list[Any], storages: Storages, offsets: dict[str, int]
) -> None:
    """Fill ``offsets``. Each storage follows its number of elements."""
    for key in keys:
        storage = storages.by_key.get(str(key))
        if storage is None:
            raise PickleError(f"no tensor uses storage {key}")
        count = int.from_bytes(bytes(region.array(position, COUNT_BYTES)), "little")
        if count < storage.count or not storage.item_bytes:
            raise PickleError(f"storage {key} has {count} elements, but needs {storage.count}")
        offsets[storage.key] = position + COUNT_BYTES
        position += COUNT_BYTES + count * storage.item_bytes
        if position > region.size:
            raise PickleError("it is truncated")


def load_from_bytes(machine: PickleMachine, content: Any) -> Any:
    """Reimplement ``torch.storage._load_from_bytes``, by which ``pickle.dump`` stores a tensor as a file."""
    if not isinstance(content, bytes):
        raise ValueError("the argument is not bytes")
    check_limit("nested files", machine.depth + 1, MAX_NESTED_FILES)
    region = FileRegion(io.BytesIO(content), 0, len(content))
    return load_legacy(region, machine.meter, machine.calls, machine.depth + 1)
