"""The layers of a network by class and precision, as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping


def summary(counts: Mapping[str, Counter[str]]) -> str:
    """Return the precisions in one name, such as ``fp32`` or ``fp32+int8``; empty if unknown."""
    return "+".join(sorted({name for counter in counts.values() for name in counter}))


def layers_line(counts: Mapping[str, Counter[str]]) -> str:
    """Return the layers as text: ``convolutions: 61 int8, 3 bf16``; empty if unknown."""
    return "; ".join(
        f"{kind}: {', '.join(f'{count} {name}' for name, count in counter.most_common())}"
        for kind, counter in counts.items()
    )
