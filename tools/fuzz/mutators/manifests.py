"""Change manifests, in separate files and inside a model file, and correct their digest."""

from __future__ import annotations

import io
import json
import random
import tempfile
import zipfile
from pathlib import Path

from posedeploy import embedded_manifest
from posedeploy.limits import MAX_EMBEDDED_MANIFEST_BYTES
from posedeploy.manifest_document import seal
from tools.fuzz.mutators.archives import DAMAGED
from tools.fuzz.mutators.binary import change_fields
from tools.fuzz.mutators.text import change_json


def change_manifest(content: bytes, rng: random.Random) -> bytes:
    """Change a manifest and record its new digest."""
    changed = change_json(content, rng)
    try:
        document = json.loads(changed)
        return seal(document) if isinstance(document, dict) else changed
    except (ValueError, RecursionError):  # the content cannot be written as a manifest
        return changed


def change_embedded(content: bytes, rng: random.Random) -> bytes:
    """Change the manifest inside a model file, and embed it as an export does."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            start = min(info.header_offset for info in archive.infolist())
            manifest = archive.read(embedded_manifest.NAME)
    except DAMAGED:
        return change_fields(content, rng)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a")
        path.write_bytes(content[:start])
        embedded_manifest.append(path, change_manifest(manifest, rng)[:MAX_EMBEDDED_MANIFEST_BYTES])
        return path.read_bytes()
