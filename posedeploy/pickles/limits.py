"""How much a pickle may ask for: the one table of limits, each checked before memory is taken."""

from __future__ import annotations

from posedeploy.pickles.values import PickleError

MAX_OPCODES = 8_000_000
"""Instructions in one pickle; a checkpoint of 1,000 tensors has about 40,000."""
MAX_MEMO_INDEX = 8_000_000
MAX_MARKS = 2_000
"""Containers that are open at the same time."""
MAX_INTEGER_BYTES = 1_024
MAX_DIGITS = 2_500
"""Characters of a number that is written as text."""
MAX_KEY_PARTS = 64
"""Numbers and strings in a tuple that is the key of a dictionary or the member of a set."""
MAX_KEY_INTEGER = 1 << 63
"""Larger integers can be chosen so that their hashes collide."""
MAX_DIMENSIONS = 32
MAX_NESTED_FILES = 2
"""Files inside bytes of a pickle inside such bytes."""
BYTES_PER_FILE_BYTE = 4
BYTES_BESIDE = 256 << 20
"""A file of S bytes may become ``BYTES_PER_FILE_BYTE * S + BYTES_BESIDE`` bytes of text, arrays and
tensors."""


class Meter:
    """The bytes that the content of one file takes in memory, held to what a file of its size may take."""

    def __init__(self, file_size: int) -> None:
        self.allowed = BYTES_PER_FILE_BYTE * file_size + BYTES_BESIDE
        self.taken = 0

    def take(self, count: int, what: str) -> None:
        """Count bytes that are about to be taken.

        Raises:
            PickleError: they are more than the file may take.
        """
        check(f"bytes with {what}", self.taken + count, self.allowed)
        self.taken += count


def check(what: str, value: int, limit: int) -> None:
    """Hold a number against its limit.

    Raises:
        PickleError: it is above.
    """
    if value > limit:
        raise PickleError(f"{what}: {value}, at most {limit} allowed")
