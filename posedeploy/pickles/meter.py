"""Limits on the memory of a pickle, checked before memory is allocated."""

from __future__ import annotations

from posedeploy.limits import BASE_BYTES, BYTES_PER_FILE_BYTE
from posedeploy.pickles.values import PickleError


class Meter:
    """Counts the memory of one file's content and its instructions. The file's size limits the memory."""

    def __init__(self, file_size: int) -> None:
        self.max_bytes = BYTES_PER_FILE_BYTE * file_size + BASE_BYTES
        self.used_bytes = 0
        self.instructions = 0

    def reserve(self, count: int, what: str) -> None:
        """Count bytes that are about to be allocated.

        Raises:
            PickleError: the total exceeds ``max_bytes``.
        """
        if self.used_bytes + count > self.max_bytes:
            check_limit(f"bytes of memory including {what}", self.used_bytes + count, self.max_bytes)
        self.used_bytes += count


def check_limit(what: str, value: int, limit: int) -> None:
    """Check a number against its limit.

    Raises:
        PickleError: it exceeds the limit.
    """
    if value > limit:
        raise PickleError(f"{what}: {value}, at most {limit} allowed")
