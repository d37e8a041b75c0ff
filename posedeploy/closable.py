"""The base class of objects that hold a resource."""

from __future__ import annotations

from types import TracebackType
from typing import Self


class Closable:
    """A context manager that calls ``close`` at the end of the block."""

    def close(self) -> None:
        """Release the resources. Closing twice does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
