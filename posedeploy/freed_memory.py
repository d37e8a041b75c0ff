"""Reuse of freed memory in this process, for networks that run in PyTorch.

PyTorch on a CPU allocates each activation and frees it. glibc returns large blocks to the kernel at once, and
the kernel clears every page when it hands them out again. In FP64, that takes as long as the arithmetic.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""The parameters of ``mallopt``."""
LARGEST = 2**30
DEFAULTS = {M_TRIM_THRESHOLD: 2**26, M_MMAP_THRESHOLD: 2**25}
"""The largest values that glibc chooses itself."""


@contextmanager
def reuse_freed_memory() -> Iterator[None]:
    """Keep freed memory in this process until the end of the context; without glibc, do nothing."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc is None or not hasattr(libc, "mallopt") or not hasattr(libc, "malloc_trim"):
        yield
        return
    for parameter in DEFAULTS:
        libc.mallopt(parameter, LARGEST)
    try:
        yield
    finally:
        for parameter, value in DEFAULTS.items():
            libc.mallopt(parameter, value)
        libc.malloc_trim(0)
