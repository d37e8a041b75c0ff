"""What a pickle may take, held against the limits before memory is taken."""

from __future__ import annotations

from posedeploy.limits import BYTES_BESIDE, BYTES_PER_FILE_BYTE
from posedeploy.pickles.values import PickleError


class Meter:
    """The bytes that the content of one file takes in memory, held to what a file of its size may take."""

    def __init__(self, file_size: int) -> None:
        self.allowed = BYTES_PER_FILE_BYTE * file_size + BYTES_BESIDE
        self.taken = 0
        self.instructions = 0

    def take(self, count: int, what: str) -> None:
        """Count bytes that are about to be taken.

        Raises:
            PickleError: they are more than the file may take.
        """
        if self.taken + count > self.allowed:
            check(f"bytes with {what}", self.taken + count, self.allowed)
        self.taken += count


def check(what: str, value: int, limit: int) -> None:
    """Hold a number against its limit.

    Raises:
        PickleError: it is above.
    """
    if value > limit:
        raise PickleError(f"{what}: {value}, at most {limit} allowed")
