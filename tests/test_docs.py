"""The Python examples of the pages under ``docs/``, and the fields of JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from posedeploy.checkpoints.sample import open_sample
from posedeploy.synthetic.coco_annotations import NAME, write_images
from tests.support.brief_timing import time_briefly
from tests.support.lifting import small_gtrs, write
from tests.support.networks import write_crop_network
from tests.support.shared_graphs import share_graphs

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.slow
def test_the_python_examples_of_the_api_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    time_briefly(monkeypatch)
    share_graphs(monkeypatch)
    torch.save({"state_dict": open_sample().module.state_dict()}, "human.pth")
    write_crop_network("hg", Path("one-person.pth"))
    write(small_gtrs(), Path("gtrs.pth"))
    write_images(Path("val"), 1, seed=3)
    (image,) = Path("val").glob("*.png")
    Path("photos").mkdir()
    for copy in ("photo.jpg", "photos/photo.jpg"):
        Path(copy).write_bytes(image.read_bytes())
    Path("coco.json").write_bytes((Path("val") / NAME).read_bytes())
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "python.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 8
    for number, block in enumerate(blocks):
        exec(compile(block, f"docs/python.md, block {number}", "exec"), names)
    assert Path("out/human.xml").is_file() and Path("small/human-small.onnx").is_file()


def keys_of(document: object) -> Iterator[str]:
    """Yield the keys of a document, but not those of maps from the user's names."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield key
            if key not in (
                "packages",
                "details",
                "artifact_sha256",
                "model_sha256",
                "refused",
                "input_shapes",
                "energy_j",
            ):
                yield from keys_of(value)
    elif isinstance(document, list):
        for each in document:
            yield from keys_of(each)


def undocumented(text: str) -> list[str]:
    """Return the fields of a JSON that docs/json.md does not name."""
    page = (DOCS / "json.md").read_text(encoding="utf-8")
    return sorted({key for key in keys_of(json.loads(text)) if f"`{key}`" not in page})
