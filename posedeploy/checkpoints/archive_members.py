"""The files in an archive around a checkpoint, each with its kind."""

from __future__ import annotations

import copy
import io
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from posedeploy.content_kinds import HEAD_BYTES, Kind, kind_of
from posedeploy.limits import MAX_MEMBERS
from posedeploy.pickles.archives import ZipArchive
from posedeploy.pickles.meter import Meter
from posedeploy.pickles.regions import FileRegion
from posedeploy.pickles.values import PickleError
from posedeploy.zip_files import DAMAGED_ZIP

TAR_DAMAGE = (tarfile.TarError, *DAMAGED_ZIP)
"""Headers that only announce other headers raise a ``RecursionError``, which is a ``RuntimeError``."""


@dataclass(frozen=True)
class Member:
    """A file in an archive; ``open`` returns its bytes."""

    name: str
    kind: Kind
    open: Callable[[], FileRegion]


def members_of(kind: Kind, region: FileRegion, meter: Meter, opened: ExitStack) -> Iterator[Member]:
    """Yield the files in a zip or tar archive; none of them stays unpacked.

    Args:
        meter, opened: count and close the files that ``Member.open`` unpacks, and no others.

    Raises:
        PickleError: the archive is damaged or cut off.
    """
    if kind.name == "zip":
        archive, head_meter = ZipArchive(region, meter, opened), copy.copy(meter)
        for name in archive.names[:MAX_MEMBERS]:
            if not name.endswith("/"):
                yield Member(name, _kind_in_zip(archive, name, head_meter), partial(archive.member, name))
        return
    try:
        with tarfile.open(fileobj=region.stream(), mode="r:") as tar:
            for _, member in zip(range(MAX_MEMBERS), tar, strict=False):
                if member.isreg() and not member.issparse():
                    part = partial(region.part, member.offset_data, member.size)
                    yield Member(member.name, kind_of(part().stream()), part)
    except TAR_DAMAGE as error:
        raise PickleError("a tar archive that is damaged or cut off") from error


def _kind_in_zip(archive: ZipArchive, name: str, meter: Meter) -> Kind:
    """Return a member's kind by its first bytes; only a nested archive is unpacked, and closed again."""
    head, size = archive.head(name, HEAD_BYTES)
    if not head.startswith(b"PK"):
        return kind_of(io.BytesIO(head), size)
    with ExitStack() as opened:
        return kind_of(archive.member_within(name, meter, opened).stream())
