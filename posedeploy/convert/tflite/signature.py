"""The tensor names and layouts in a newly converted TFLite file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Signature:
    """The tensors of the spec in the file.

    inputs, outputs: the names in the file's signature, by name in the spec. channels_last: the tensors that
    are channels last only in the file. versions: those of the converter's packages in an isolated
    environment.
    """

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    channels_last: Sequence[str] = ()
    versions: str | None = None
