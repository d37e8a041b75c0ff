"""``posedeploy fetch``: a published checkpoint onto this machine."""

from __future__ import annotations

from pathlib import Path

from posedeploy.checkpoints.fetch import fetch
from posedeploy.console.output import counting, out
from posedeploy.errors import DownloadError
from posedeploy.families import family_named

UNVERIFIED = (
    "No published SHA-256 is known for this file, so nothing vouches for it. Its hash is recorded now, and a "
    "later download that differs is refused."
)


def run(family: str, folder: Path, url: str | None, sha256: str | None) -> None:
    """Download the family's published checkpoint, or the one at ``url``."""
    row = family_named(family)
    address = url or row.weights_url
    if address is None:
        raise DownloadError(
            f"{family}: its publisher has no direct link; see {row.weights_page}, download the file there "
            "and name it, "
            "or give its address with --url"
        )
    with counting(f"fetching {address}") as on_progress:
        fetched = fetch(address, folder, on_progress, sha256=sha256)
    state = "fetched" if fetched.is_new else "is there already"
    out.print(f"{fetched.path} {state}, SHA-256 {fetched.sha256}", markup=False, soft_wrap=True)
    if fetched.verified_by == "nothing":
        out.print(UNVERIFIED, markup=False, soft_wrap=True)
    out.print(f"weights license: {row.weights_license}", markup=False)
