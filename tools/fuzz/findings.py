"""Store inputs that broke the contract: each input with a JSON file that describes the violation."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from tools.fuzz.contract import Finding
from tools.fuzz.targets import Target

RECORD = ".finding.json"


def keep(folder: Path, target: Target, finding: Finding, content: bytes) -> None:
    """Save an input and its violation; of several inputs with the same violation, only the shortest one."""
    key = f"{target.name}\0{finding.kind}\0{finding.what.partition(':')[0]}\0{finding.place}"
    stem = f"{target.slug}-{finding.kind}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
    path = folder / f"{stem}{target.suffix}"
    if path.is_file() and path.stat().st_size <= len(content):
        return
    path.write_bytes(content)
    (folder / f"{stem}{RECORD}").write_bytes(msgspec.json.encode(finding))


def kept(folder: Path, target: Target) -> dict[str, tuple[Finding, bytes]]:
    """Return the findings in a folder with their inputs, by the stems of their files."""
    stored = {}
    for record in folder.glob(f"*{RECORD}"):
        stem = record.name.removesuffix(RECORD)
        finding = msgspec.json.decode(record.read_bytes(), type=Finding)
        stored[stem] = finding, (folder / f"{stem}{target.suffix}").read_bytes()
    return stored
