"""``posedeploy fetch``: download a published checkpoint."""

from __future__ import annotations

from pathlib import Path

from posedeploy.checkpoints.fetch import fetch
from posedeploy.console.output import out, show_count
from posedeploy.errors import DownloadError
from posedeploy.families import family_named

UNVERIFIED = (
    "No published SHA-256 is known for this file, so it could not be verified. Its hash is now recorded, and "
    "a later download with another hash is rejected."
)


def run(family: str, folder: Path, url: str | None, sha256: str | None) -> None:
    """Download the family's published checkpoint, or the one at ``url``."""
    row = family_named(family)
    address = url or row.weights_url
    if address is None:
        raise DownloadError(
            f"{family}: no direct link is published; download the file from {row.weights_page} and use its "
            "path, or pass its address with --url"
        )
    with show_count(f"fetching {address}") as on_progress:
        fetched = fetch(address, folder, on_progress, sha256=sha256)
    state = "fetched" if fetched.is_new else "exists already"
    out.print(f"{fetched.path} {state}, SHA-256 {fetched.sha256}", markup=False, soft_wrap=True)
    if fetched.verified_by == "nothing":
        out.print(UNVERIFIED, markup=False, soft_wrap=True)
    out.print(f"weights license: {row.weights_license}", markup=False)
