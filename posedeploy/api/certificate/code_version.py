"""The version of the code that writes a certificate, and of the packages that can change its numbers."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import posedeploy
from posedeploy import plugins
from posedeploy.api.certificate.document import CodeVersion

SUFFIXES = frozenset({".py", ".toml", ".html", ".css", ".safetensors"})
"""The files that are hashed: the code, the presets, the templates of the page and the built-in sample."""
BASE_PACKAGES = ("numpy", "cv2", "msgspec")


@cache
def describe_code() -> CodeVersion:
    """Return the release of posedeploy, and a hash of its files."""
    folder, digest = Path(posedeploy.__file__).parent, hashlib.sha256()
    for path in sorted(each for each in folder.rglob("*") if each.suffix in SUFFIXES):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()} {len(content)} ".encode())
        digest.update(content)
    return CodeVersion(release=posedeploy.__version__, sha256=digest.hexdigest())


def list_packages() -> dict[str, str]:
    """Return the versions of the installed packages that posedeploy computes with, by import name."""
    return dict(_list_packages())


@cache
def _list_packages() -> dict[str, str]:
    """Return the same; cached, because the search for packages that are not installed takes time."""
    versions = {name: plugins.version_of(name) for name in (*BASE_PACKAGES, *plugins.EXTRAS_OF_PACKAGE)}
    return {name: version for name, version in sorted(versions.items()) if version is not None}
