"""Read the ``poses.json`` of ``predict``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from posedeploy.errors import InputError
from posedeploy.text_files import read_text


def read_poses(path: Path) -> dict[str, Any]:
    """Return the content of a ``poses.json`` with at least one image.

    Raises:
        InputError: the file cannot be read, or has other content.
    """
    try:
        document = json.loads(read_text(path, "a poses.json"))
        assert document["images"] and document["categories"][0]["keypoints"]
        assert all({"image_id", "keypoints", "score"} <= person.keys() for person in document["annotations"])
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, AssertionError):
        raise InputError(f"{path}: not a poses.json; expected one that `posedeploy predict` wrote") from None
    return dict(document)
