"""``posedeploy fetch``: a published checkpoint onto this machine."""

from __future__ import annotations

from pathlib import Path

from posedeploy import files
from posedeploy.checkpoints.fetch import fetch
from posedeploy.console.output import counting, out
from posedeploy.errors import DownloadError
from posedeploy.families import family_named


def run(family: str, folder: Path, url: str | None) -> None:
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
        path, fresh = fetch(address, folder, on_progress)
    digest = files.sha256(path)
    out.print(
        f"{path} {'fetched' if fresh else 'is there already'}, SHA-256 {digest}", markup=False, soft_wrap=True
    )
    out.print(f"weights licence: {row.weights_licence}", markup=False)
