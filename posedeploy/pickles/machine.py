"""The state of a pickle that is being read: its stack, memo and marks. Nothing is ever imported or called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from posedeploy.limits import MAX_KEY_INTEGER, MAX_KEY_PARTS, MAX_MARKS, MAX_MEMO_INDEX
from posedeploy.pickles.arrays import ArrayRecord, TypeRecord
from posedeploy.pickles.meter import Meter, check
from posedeploy.pickles.values import Global, PickleError, StandIn, Unreadable

Calls = Mapping[tuple[str, str], Callable[..., Any]]
"""What the globals mean that have a meaning, by module and name; each takes the machine and the arguments."""
SIMPLE = (str, bytes, bool, type(None))
SALTED = (str, bytes)
"""Types whose hashes differ from one process to the next, so that nobody can make them collide."""
DAMAGE = (LookupError, ValueError, TypeError, OverflowError)
OBJECTS = "objects of a pickle"
MISSING = object()
"""In the place of a memo entry that was never made."""
POINTER_BYTES = 8
MEMO_BYTES, ENTRY_BYTES, STAND_IN_BYTES, OUTSIDE_BYTES = 80, 100, 320, 480
"""Of an entry of the memo, an entry of a dictionary or set, the result of a call, and a part of a storage."""


class Machine:
    """One pickle.

    Args:
        stream: where it begins; ``end`` is where the file does.
        calls: the globals that have a meaning.
        outside: what an object is that the pickle names by an identity of its own.
        depth: how many files this one is inside of.
    """

    def __init__(
        self,
        stream: BinaryIO,
        end: int,
        meter: Meter,
        calls: Calls,
        outside: Callable[[Any], Any],
        depth: int = 0,
    ) -> None:
        self.read = stream.read
        self.stream = stream
        self.end = end
        self.meter = meter
        self.calls = calls
        self._outside = outside
        self.depth = depth
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: list[Any] = []
        self.memo_count = 0
        self.globals: dict[tuple[str, str], Global] = {}

    def take(self, count: int) -> bytes:
        """The next few bytes."""
        data = self.read(count)
        if len(data) != count:
            raise PickleError("it is cut off")
        return data

    def take_long(self, count: int) -> bytes:
        """The next bytes, of which there may be many."""
        if count > self.end - self.stream.tell():
            raise PickleError("it is cut off")
        self.meter.take(count, "strings of a pickle")
        return self.take(count)

    def take_number(self, size: int) -> int:
        """The next bytes as an unsigned number."""
        return int.from_bytes(self.take(size), "little")

    def take_text(self, count: int) -> str:
        """The next bytes as UTF-8; those that are none become ``\\xe9`` and such."""
        return self.decode(self.take_long(count))

    def decode(self, data: bytes) -> str:
        """Bytes as UTF-8; those that are none become ``\\xe9`` and such."""
        if data.isascii():
            return data.decode()
        try:
            self.meter.take(3 * len(data), "text of a pickle")
            return data.decode()
        except UnicodeDecodeError:
            self.meter.take(15 * len(data), "text of a pickle")  # 4 characters of 4 bytes each for a byte
            return data.decode("utf-8", "backslashreplace")

    def take_line(self) -> bytes:
        """The bytes up to the next end of a line."""
        line = self.stream.readline()
        self.meter.take(len(line), "lines of a pickle")
        if not line.endswith(b"\n"):
            raise PickleError("it is cut off")
        return line[:-1]

    def pop_mark(self) -> list[Any]:
        """Everything above the topmost mark."""
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def set_mark(self) -> None:
        """Put a mark on the stack."""
        check("containers open at the same time", len(self.marks), MAX_MARKS)
        self.marks.append(len(self.stack))

    def remember(self, index: int) -> None:
        """Put the top of the stack into the memo."""
        check("number of a memo entry", index, MAX_MEMO_INDEX)
        missing = index + 1 - len(self.memo)
        self.meter.take(MEMO_BYTES + POINTER_BYTES * max(0, missing), OBJECTS)
        if missing > 0:
            self.memo += [MISSING] * missing
        self.memo_count += self.memo[index] is MISSING
        self.memo[index] = self.stack[-1]

    def recall(self, index: int) -> None:
        """Push an entry of the memo."""
        if index >= len(self.memo) or self.memo[index] is MISSING:
            raise PickleError(f"it refers to entry {index} of its memo, which it never made")
        self.stack.append(self.memo[index])

    def outside(self, identity: Any) -> Any:
        """The object that the pickle names by an identity of its own."""
        self.meter.take(OUTSIDE_BYTES, OBJECTS)
        return self._outside(identity)

    def named(self, module: Any, name: Any) -> Global:
        """A class or function by its name."""
        if not isinstance(module, str) or not isinstance(name, str):
            raise PickleError("the name of a class is not text")
        key = (module, name)
        if key not in self.globals:
            self.meter.take(STAND_IN_BYTES, OBJECTS)
            self.globals[key] = Global(module, name)
        return self.globals[key]

    def call(self, callee: Any, arguments: Any) -> Any:
        """What a call of a global with a meaning gives, and a stand-in for any other."""
        if not isinstance(arguments, tuple):
            raise PickleError("the arguments of a call are not a tuple")
        meaning = self.calls.get((callee.module, callee.name)) if isinstance(callee, Global) else None
        self.meter.take(STAND_IN_BYTES, OBJECTS)
        if meaning is None:
            return StandIn(callee, arguments)
        try:
            return meaning(self, *arguments)
        except DAMAGE as error:
            return Unreadable(f"{callee} with arguments that do not fit ({error})")

    def restore(self, target: Any, state: Any) -> None:
        """Give a stand-in, an array or an element type its state; plain containers have none."""
        if isinstance(target, ArrayRecord | TypeRecord):
            target.restore(state, self.meter)
        elif isinstance(target, StandIn):
            target.state = state

    def set_items(self, target: Any, items: list[Any]) -> None:
        """Set keys to values, which alternate."""
        mapping = target.mapping if isinstance(target, StandIn) else target
        if isinstance(mapping, dict):
            self.meter.take(ENTRY_BYTES * (len(items) // 2), OBJECTS)
            for key, value in zip(items[::2], items[1::2], strict=True):
                mapping[self.hashable(key)] = value
        elif not isinstance(target, Unreadable):
            raise PickleError("it sets an entry of something that has none")

    def append(self, target: Any, items: list[Any]) -> None:
        """Append to a list."""
        elements = target.elements if isinstance(target, StandIn) else target
        if isinstance(elements, list):
            elements.extend(items)
        elif not isinstance(target, Unreadable):
            raise PickleError("it appends to something that is no list")

    def hashable(self, value: Any) -> Any:
        """The value as a key of a dictionary: itself, or a stand-in for what cannot be one, or should not.

        Large integers, floats and tuples of numbers should not: their hashes can be chosen to collide
        ((-1,) has that of (-2,)). Nor should nested tuples, whose hash can take forever or overflow the
        stack.
        """
        if isinstance(value, (*SIMPLE, Global, StandIn)):
            return value
        if isinstance(value, int) and abs(value) < MAX_KEY_INTEGER:
            return value
        if (
            isinstance(value, tuple)
            and len(value) <= MAX_KEY_PARTS
            and all(isinstance(each, SALTED) for each in value)
        ):
            return value
        self.meter.take(STAND_IN_BYTES, OBJECTS)
        return StandIn(Global("", type(value).__name__), (value,))
