"""The finished steps of a search, so that the same command continues after an interruption."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import numpy as np

from posedeploy import files
from posedeploy.benchmarks.footprint import Footprint
from posedeploy.benchmarks.pose_comparison import ImagePairs
from posedeploy.errors import InputError
from posedeploy.text_files import encode_json, invalid_file_error, read_json
from posedeploy.types import RuntimeInfo

STATE_NAME = "tune-state.json"
FORMAT, VERSION = "posedeploy.tune-state", 2
MAX_BYTES = 1 << 30
MAX_DIFFERENCES = 4
FLOAT_BYTES = 4
BASELINE = "pytorch"
"""The label of PyTorch in the blocks of times."""
VERSION_SUFFIX = " version"
"""The end of the names of settings that are versions of packages."""


class FileRecord(msgspec.Struct):
    """One export. name: the model file; reason: why there is none. size: bytes of all its files."""

    name: str = ""
    reason: str = ""
    seconds: float = 0.0
    size: int = 0


class PairsRecord(msgspec.Struct):
    """``ImagePairs`` with its arrays as the bytes of float32. joints: the numbers not compared."""

    image: str
    counts: tuple[int, int, int, int, int, int]
    values: dict[str, bytes]
    joints: tuple[int, int] = (0, 0)


class CandidateRecord(msgspec.Struct):
    """The results of one candidate. reason: why it cannot run. pairs: by the number of the image."""

    reason: str = ""
    footprint: Footprint | None = None
    runtime_info: RuntimeInfo | None = None
    pairs: dict[str, PairsRecord] = {}


class State(msgspec.Struct, kw_only=True):
    """The finished steps of a search with these settings.

    Names are printable, as in the file. model_files: by the name of the export. candidates: by label.
    blocks: the seconds per image of each candidate in rounds of all of them, by label. failed_parity: why
    candidates did not pass the comparison with PyTorch, by label. outputs: the SHA-256 of each file of the
    last result, by name.
    """

    format: str = FORMAT
    version: int = VERSION
    settings: dict[str, str]
    model_files: dict[str, FileRecord] = {}
    candidates: dict[str, CandidateRecord] = {}
    blocks: list[dict[str, list[float]]] = []
    failed_parity: dict[str, str] = {}
    outputs: dict[str, str] = {}

    def save(self, folder: Path) -> None:
        """Write the state atomically.

        Raises:
            OutputError: it cannot be written.
        """
        with files.staged(folder) as stage:
            (stage / STATE_NAME).write_bytes(self.encode())

    def encode(self) -> bytes:
        """Return the content of the file."""
        return encode_json(self)


def open_state(folder: Path, settings: Mapping[str, str]) -> State:
    """Return the state of the search in a folder; a new one if there is none.

    Raises:
        InputError: the folder holds a search with other settings, or its state is damaged.
    """
    path = folder / STATE_NAME
    if not path.exists():
        return State(settings=dict(settings))
    hint = f"pass another folder, or delete {path} and move the other files of its result"
    state = read_json(path, "the state of a search", State, hint=hint, max_bytes=MAX_BYTES)
    if (state.format, state.version) != (FORMAT, VERSION):
        raise InputError(
            f"{path}: found {state.format}, version {state.version}; expected {FORMAT}, version {VERSION}; "
            f"{hint}"
        )
    if differences := _differences(state.settings, settings):
        raise InputError(
            f"{folder}: holds a search with other settings ({'; '.join(differences)}); use the same settings "
            "to continue it, or pass another folder"
        )
    if (fault := next(_faults(state), None)) is not None:
        raise invalid_file_error(path, "the state of a search", fault, hint)
    state.settings = dict(settings)
    return state


def _faults(state: State) -> Iterator[str]:
    """Yield what no search writes."""
    for number, block in enumerate(state.blocks):
        times = [time for each in block.values() for time in each]
        if len(set(map(len, block.values()))) != 1 or not times or BASELINE not in block:
            yield f"block {number} does not have the same number of times for PyTorch and each candidate"
        if not all(0 < time < math.inf for time in times):
            yield f"block {number} has a time that is not above 0"
    for label, record in state.candidates.items():
        for pairs in record.pairs.values():
            if any(len(content) % FLOAT_BYTES for content in pairs.values.values()):
                yield f"the errors of {label} on {pairs.image} are incomplete"


def _differences(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    names = [name for name in {**old, **new} if old.get(name, "") != new.get(name, "")]
    # The state has no results of a package that was not installed then, so it may be installed now.
    names = [name for name in names if old.get(name) or not name.endswith(VERSION_SUFFIX)]
    shown = [
        f"{name}: {old.get(name) or 'none'} in the folder, {new.get(name) or 'none'} in this command"
        for name in names
    ]
    more = len(shown) - MAX_DIFFERENCES
    return shown[:MAX_DIFFERENCES] + ([f"and {more} more"] if more > 0 else [])


def to_record(pairs: ImagePairs) -> PairsRecord:
    """Return the comparison of one image as a record."""
    counts = (
        pairs.people,
        pairs.missed,
        pairs.extra,
        pairs.keypoints,
        pairs.unmatched_keypoints,
        pairs.ambiguous,
    )
    values = {name: array.astype("<f4").tobytes() for name, array in pairs.values.items()}
    return PairsRecord(pairs.image, counts, values, (pairs.uncompared_joints, pairs.ambiguous_joints))


def to_pairs(record: PairsRecord) -> ImagePairs:
    """Return the comparison in a record."""
    values = {name: np.frombuffer(content, "<f4").astype(float) for name, content in record.values.items()}
    return ImagePairs(record.image, *record.counts, values, *record.joints)
