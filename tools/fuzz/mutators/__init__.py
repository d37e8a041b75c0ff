"""The table of mutators: each changes an input in a way that is valid or almost valid in its format."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import TypeAlias

from tools.fuzz.mutators import archives, binary, manifests, pickles, text

Mutator: TypeAlias = Callable[[bytes, random.Random], bytes]

MUTATORS: Mapping[str, Mutator] = {
    "fields": binary.change_fields,
    "blocks": binary.change_blocks,
    "png": binary.change_png,
    "json": text.change_json,
    "lines": text.change_lines,
    "tokens": text.change_tokens,
    "pickle": pickles.change_pickle,
    "npy": archives.change_npy,
    "safetensors": archives.change_safetensors,
    "zip": archives.change_zip,
    "manifest": manifests.change_manifest,
    "embedded": manifests.change_embedded,
    "packed": archives.change_packed,
}
