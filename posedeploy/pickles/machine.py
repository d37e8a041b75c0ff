"""The state of a pickle machine: stack, memo and marks. It imports and calls nothing that a pickle names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from posedeploy.limits import MAX_KEY_INTEGER, MAX_KEY_PARTS, MAX_MARKS, MAX_MEMO_INDEX
from posedeploy.pickles.arrays import ArrayRecord, TypeRecord
from posedeploy.pickles.meter import Meter, check_limit
from posedeploy.pickles.values import Global, PickleError, StandIn, Unreadable

Calls = Mapping[tuple[str, str], Callable[..., Any]]
"""The reimplemented globals by module and name. Each takes the machine and the arguments of a call."""
PLAIN_TYPES = (str, bytes, bool, type(None))
SALTED_TYPES = (str, bytes)
"""Types whose hashes differ between processes, so that no file can contain colliding ones."""
DAMAGE_ERRORS = (LookupError, ValueError, TypeError, OverflowError)
OBJECTS = "objects of a pickle"
UNSET = object()
"""The value of a memo entry that has not been stored."""
POINTER_BYTES = 8
MEMO_BYTES, ITEM_BYTES, STAND_IN_BYTES, PERSISTENT_BYTES = 80, 100, 320, 480
"""The size of a memo entry, an item of a dictionary or set, the result of a call, and a view of a storage."""


class PickleMachine:
    """Executes the instructions of one pickle.

    Args:
        stream: positioned at the beginning of the pickle. end: the end of the file.
        persistent_load: returns the object of a persistent ID.
        depth: the number of files that contain this one.
    """

    def __init__(
        self,
        stream: BinaryIO,
        end: int,
        meter: Meter,
        calls: Calls,
        persistent_load: Callable[[Any], Any],
        depth: int = 0,
    ) -> None:
        self.read = stream.read
        self.stream = stream
        self.end = end
        self.meter = meter
        self.calls = calls
        self._persistent_load = persistent_load
        self.depth = depth
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: list[Any] = []
        self.memo_count = 0
        self.globals: dict[tuple[str, str], Global] = {}

    def read_exactly(self, count: int) -> bytes:
        """Read a few bytes."""
        data = self.read(count)
        if len(data) != count:
            raise PickleError("it is truncated")
        return data

    def read_long(self, count: int) -> bytes:
        """Read any number of bytes, after checking it against the rest of the file."""
        if count > self.end - self.stream.tell():
            raise PickleError("it is truncated")
        self.meter.reserve(count, "strings of a pickle")
        return self.read_exactly(count)

    def read_number(self, size: int) -> int:
        """Read an unsigned number."""
        return int.from_bytes(self.read_exactly(size), "little")

    def read_text(self, count: int) -> str:
        """Read UTF-8 as ``decode`` does."""
        return self.decode(self.read_long(count))

    def decode(self, data: bytes) -> str:
        """Decode UTF-8, with invalid bytes as escapes such as ``\\xe9``."""
        if data.isascii():
            return data.decode()
        try:
            self.meter.reserve(3 * len(data), "text of a pickle")
            return data.decode()
        except UnicodeDecodeError:
            self.meter.reserve(15 * len(data), "text of a pickle")  # an escape: 4 characters of 4 bytes
            return data.decode("utf-8", "backslashreplace")

    def read_line(self) -> bytes:
        """Read a line and return it without its end."""
        line = self.stream.readline()
        self.meter.reserve(len(line), "lines of a pickle")
        if not line.endswith(b"\n"):
            raise PickleError("it is truncated")
        return line[:-1]

    def pop_mark(self) -> list[Any]:
        """Remove and return everything above the topmost mark."""
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def set_mark(self) -> None:
        """Put a mark on the stack."""
        check_limit("open containers", len(self.marks), MAX_MARKS)
        self.marks.append(len(self.stack))

    def store_memo(self, index: int) -> None:
        """Store the top of the stack in the memo."""
        check_limit("memo index", index, MAX_MEMO_INDEX)
        missing = index + 1 - len(self.memo)
        self.meter.reserve(MEMO_BYTES + POINTER_BYTES * max(0, missing), OBJECTS)
        if missing > 0:
            self.memo += [UNSET] * missing
        self.memo_count += self.memo[index] is UNSET
        self.memo[index] = self.stack[-1]

    def push_memo(self, index: int) -> None:
        """Push an entry of the memo on the stack."""
        if index >= len(self.memo) or self.memo[index] is UNSET:
            raise PickleError(f"it refers to entry {index} of its memo, which does not exist")
        self.stack.append(self.memo[index])

    def load_persistent(self, identity: Any) -> Any:
        """Return the object of a persistent ID."""
        self.meter.reserve(PERSISTENT_BYTES, OBJECTS)
        return self._persistent_load(identity)

    def get_global(self, module: Any, name: Any) -> Global:
        """Return a class or function by its name, without importing it."""
        if not isinstance(module, str) or not isinstance(name, str):
            raise PickleError("the name of a class is not text")
        key = (module, name)
        if key not in self.globals:
            self.meter.reserve(STAND_IN_BYTES, OBJECTS)
            self.globals[key] = Global(module, name)
        return self.globals[key]

    def call(self, callee: Any, arguments: Any) -> Any:
        """Call a reimplemented global. Return a stand-in for the result of any other."""
        if not isinstance(arguments, tuple):
            raise PickleError("the arguments of a call are not a tuple")
        function = self.calls.get((callee.module, callee.name)) if isinstance(callee, Global) else None
        self.meter.reserve(STAND_IN_BYTES, OBJECTS)
        if function is None:
            return StandIn(callee, arguments)
        try:
            return function(self, *arguments)
        except DAMAGE_ERRORS as error:
            return Unreadable(f"an invalid call of {callee} ({error})")

    def restore(self, target: Any, state: Any) -> None:
        """Set the state of a stand-in, array or element type. Plain containers have none."""
        if isinstance(target, ArrayRecord | TypeRecord):
            target.restore(state, self.meter)
        elif isinstance(target, StandIn):
            target.state = state

    def set_items(self, target: Any, items: list[Any]) -> None:
        """Set the items of a dictionary from alternating keys and values."""
        mapping = target.mapping if isinstance(target, StandIn) else target
        if isinstance(mapping, dict):
            self.meter.reserve(ITEM_BYTES * (len(items) // 2), OBJECTS)
            for key, value in zip(items[::2], items[1::2], strict=True):
                mapping[self.to_hashable(key)] = value
        elif not isinstance(target, Unreadable):
            raise PickleError("it sets an item of an object that is not a dictionary")

    def append(self, target: Any, items: list[Any]) -> None:
        """Append to a list."""
        elements = target.elements if isinstance(target, StandIn) else target
        if isinstance(elements, list):
            elements.extend(items)
        elif not isinstance(target, Unreadable):
            raise PickleError("it appends to an object that is not a list")

    def to_hashable(self, value: Any) -> Any:
        """Return a key for a dictionary: the value, or a stand-in if it cannot be hashed safely.

        A file can contain large integers, floats and tuples of numbers with colliding hashes: (-1,) and (-2,)
        have the same hash. The hash of a nested tuple can take forever or overflow the stack.
        """
        if isinstance(value, (*PLAIN_TYPES, Global, StandIn)):
            return value
        if isinstance(value, int) and abs(value) < MAX_KEY_INTEGER:
            return value
        if (
            isinstance(value, tuple)
            and len(value) <= MAX_KEY_PARTS
            and all(isinstance(each, SALTED_TYPES) for each in value)
        ):
            return value
        self.meter.reserve(STAND_IN_BYTES, OBJECTS)
        return StandIn(Global("", type(value).__name__), (value,))
