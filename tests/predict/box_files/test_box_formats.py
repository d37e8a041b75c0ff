"""Boxes in another format than their file type usually has, and boxes outside the images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.predict.box_files.box_content import BOX_FORMATS
from posedeploy.predict.sources import open_source
from posedeploy.types import Array
from tests.predict.box_files.box_writers import annotations, as_json, coco, read_people
from tests.predict.conftest import HEIGHT, WIDTH, MakeVideo, write_image

BOXES = np.array([(100, 40, 120, 200), (300, 20, 100, 230), (10, 100, 60, 150)], np.float64)
AS: dict[str, Array] = {
    "xywh": BOXES,
    "xyxy": np.concatenate([BOXES[:, :2], BOXES[:, :2] + BOXES[:, 2:]], axis=1),
    "cxcywh": np.concatenate([BOXES[:, :2] + BOXES[:, 2:] / 2, BOXES[:, 2:]], axis=1),
}
AS["yolo"] = AS["cxcywh"] / (WIDTH, HEIGHT, WIDTH, HEIGHT)


@pytest.mark.parametrize("written", BOX_FORMATS)
def test_the_format_can_be_passed(written: str, tmp_path: Path, image: Path) -> None:
    as_json(tmp_path / "b.json", AS[written].tolist())
    _, (boxes,) = read_people(tmp_path / "b.json", image, box_format=written)
    np.testing.assert_allclose(boxes, BOXES, atol=1e-4)


@pytest.mark.parametrize("written", ["xyxy", "cxcywh", "yolo"])
@pytest.mark.parametrize("kind", ["plain", "coco"])
def test_another_format_is_detected_and_named(written: str, kind: str, tmp_path: Path, image: Path) -> None:
    boxes = AS[written].tolist()
    as_json(tmp_path / "b.json", boxes if kind == "plain" else [coco(bbox=box) for box in boxes])
    with pytest.raises(
        InputError, match=rf"as left, top, width, height in px .*; add `box_format={written}` \("
    ):
        read_people(tmp_path / "b.json", image)


def test_one_box_is_enough_to_detect_the_format(tmp_path: Path, image: Path) -> None:
    as_json(tmp_path / "b.json", [(100, 40, 200, 240)])
    message = (
        r"b\.json: box 0: the box \[100, 40, 200, 240\] as left, top, width, height in px extends to 300, "
        rf"280 in the image of {WIDTH}x{HEIGHT} px; the boxes fit as xyxy; add `box_format=xyxy` \(left, "
        r"top, right, bottom in px\), or `box_format=xywh` if it is right"
    )
    with pytest.raises(InputError, match=message):
        read_people(tmp_path / "b.json", image)
    _, (boxes,) = read_people(tmp_path / "b.json", image, box_format="xywh")
    assert boxes == [[100, 40, 200, 240]]


def test_a_format_without_valid_boxes_is_refused(tmp_path: Path, image: Path) -> None:
    as_json(tmp_path / "b.json", [(100, 40, 90, 35)])
    with pytest.raises(
        InputError, match=r"right, bottom in px has no size.* the boxes fit as xywh and cxcywh; add"
    ):
        read_people(tmp_path / "b.json", image, box_format="xyxy")
    as_json(tmp_path / "b.json", [(9000, 40, 90, 35), (9000, 50, 90, 35)])
    message = f"lies outside the image of {WIDTH}x{HEIGHT} px, and none of the other 1 can be used; use"
    with pytest.raises(InputError, match=message):
        read_people(tmp_path / "b.json", image)


def test_corners_in_the_wrong_order_are_reported(tmp_path: Path, image: Path) -> None:
    (tmp_path / "b.csv").write_text("xmin,ymin,xmax,ymax\n220,230,100,50\n")
    message = (
        r"b\.csv: line 2: .* has no size: left 220 is larger than right 100 and top 230 is larger than "
        r"bottom 50, so a minimum is larger than its maximum; write the minimum before the maximum$"
    )
    with pytest.raises(InputError, match=message):
        read_people(tmp_path / "b.csv", image)
    (tmp_path / "b.csv").write_text("xmin,ymin,xmax,ymax\n100,50,220,230\n" * 6 + "220,50,100,230\n")
    finder, _ = read_people(tmp_path / "b.csv", image)
    assert any("left 220 is larger than right 100, so a" in remark for remark in finder.remarks)


def test_an_implausible_box_is_skipped_and_reported(tmp_path: Path, image: Path) -> None:
    odd = [(900, 40, 50, 50), (50, 50, 0, 9), (10, 10, 5000, 5000), (-60, 10, 100, 50), (454.5, 10, 2, 100)]
    as_json(tmp_path / "b.json", [*BOXES.tolist(), *odd, *BOXES.tolist(), (440, 10, 30, 100)])
    finder, (boxes,) = read_people(tmp_path / "b.json", image)
    assert len(boxes) == 7
    faults = (
        "lies outside the image of",
        "has no size: its width and height must be above 0 px",
        "is far larger than the image of",
        "lies mostly outside the image of",
        "is less than 2 px wide or high within the image of",
    )
    assert len(finder.remarks) == len(faults)
    for number, (remark, fault) in enumerate(zip(finder.remarks, faults, strict=True), start=3):
        assert remark.startswith(f"b.json, a.png: box {number}: the box [")
        assert fault in remark and remark.endswith("it is left out")


def test_boxes_across_the_image_edge_do_not_change_the_format(tmp_path: Path, image: Path) -> None:
    cut = [(400, 100, 80, 170), (-5, 20, 60, 200), (200, 200, 50, 60)]
    as_json(tmp_path / "b.json", cut)
    finder, (boxes,) = read_people(tmp_path / "b.json", image)
    assert len(boxes) == 3 and not finder.remarks


def test_the_first_images_of_a_folder_are_checked(tmp_path: Path, photo: Array) -> None:
    images = tmp_path / "images"
    images.mkdir()
    entries = []
    for number in range(20):
        write_image(images / f"{number:03}.png", photo)
        entries.append({"image": f"{number:03}.png", "boxes": AS["xyxy"].tolist()})
    as_json(tmp_path / "b.json", entries)
    with pytest.raises(InputError, match=r"box . of 0\d\d\.png: the box .* the boxes fit as xyxy"):
        read_people(tmp_path / "b.json", images)
    (images / "000.png").write_bytes(b"no image")
    with pytest.raises(InputError, match="the boxes fit as xyxy"):
        read_people(tmp_path / "b.json", images)


def frames(clip: Path, boxes: Path, **options: Any) -> tuple[list[str], list[list[list[float]]]]:
    finder, people = read_people(boxes, clip, **options)
    return list(finder.remarks), people


@pytest.mark.parametrize("first", [0, 1])
def test_boxes_are_assigned_to_frames_by_number(first: int, tmp_path: Path, video: MakeVideo) -> None:
    clip, boxes = video(frames=4), tmp_path / "b.json"
    as_json(
        boxes, [coco(number + first, bbox=[10 + number, 20, 50, 60]) for number in range(4) if number != 2]
    )
    remarks, people = frames(clip, boxes)
    assert people == [[[10, 20, 50, 60]], [[11, 20, 50, 60]], [], [[13, 20, 50, 60]]]
    assert not remarks
    as_json(boxes, [coco(2), coco(3)])
    remarks, people = frames(clip, boxes)
    assert [len(each) for each in people] == [0, 0, 1, 1]
    assert remarks == ["b.json: its frame numbers begin with 2 and are assumed to count from 0"]


def test_frames_may_be_numbered_in_json(tmp_path: Path, video: MakeVideo) -> None:
    clip, boxes = video(frames=3), tmp_path / "b.json"
    as_json(
        boxes,
        [{"frame": 1, "boxes": [BOXES[0].tolist()]}, {"frame": 2, "boxes": []}, {"frame": "x", "boxes": []}],
    )
    remarks, people = frames(clip, boxes)
    assert people == [[], [BOXES[0].tolist()], []]
    assert remarks[0].startswith('b.json: entry 2 is left out: no "image" with a name (or "frame" with')


def test_motchallenge_and_yolo_count_from_1(tmp_path: Path, video: MakeVideo) -> None:
    clip = video(frames=3)
    (tmp_path / "mot.txt").write_text("2,1,10,20,50,60,1,-1,-1,-1\n3,1,11,20,50,60,0.5,-1,-1,-1\n")
    assert frames(clip, tmp_path / "mot.txt")[1] == [[], [[10, 20, 50, 60]], [[11, 20, 50, 60]]]
    assert frames(clip, tmp_path / "mot.txt", min_score=0.7)[1] == [[], [[10, 20, 50, 60]], []]
    (tmp_path / "labels").mkdir()
    for number in (1, 3):
        (tmp_path / "labels" / f"clip_{number}.txt").write_text("0 0.5 0.5 0.25 0.5\n")
    assert [len(each) for each in frames(clip, tmp_path / "labels")[1]] == [1, 0, 1]


def test_boxes_without_a_name_apply_to_every_frame(tmp_path: Path, video: MakeVideo) -> None:
    clip, boxes = video(frames=3), tmp_path / "b.json"
    as_json(boxes, BOXES.tolist())
    assert frames(clip, boxes)[1] == [BOXES.tolist()] * 3
    as_json(boxes, [{"image": "clip.avi", "boxes": BOXES.tolist()}])
    assert frames(clip, boxes)[1] == [BOXES.tolist()] * 3
    as_json(boxes, [{"image": "photo", "boxes": BOXES.tolist()}])
    with pytest.raises(
        InputError, match=r"its boxes are for photo, but clip\.avi is a video; number its frames, or"
    ):
        frames(clip, boxes)
    as_json(boxes, AS["xyxy"].tolist())
    with pytest.raises(InputError, match="the boxes fit as xyxy"):
        frames(clip, boxes)


def test_poses_json_contains_boxes(tmp_path: Path, video: MakeVideo) -> None:
    document = {
        "images": [{"id": 1, "file_name": "x.avi", "frame": 0}, {"id": 2, "file_name": "x.avi", "frame": 1}],
        "annotations": [{"id": 1, "image_id": 2, "category_id": 1, "bbox": [10, 20, 50, 60], "score": 0.5}],
        "categories": [{"id": 1, "name": "person"}],
    }
    (tmp_path / "poses.json").write_text(json.dumps(document))
    clip = video(frames=2)
    assert frames(clip, tmp_path / "poses.json")[1] == [[], [[10, 20, 50, 60]]]
    assert open_source(str(clip)).is_video


def test_one_odd_box_does_not_hide_another_format(tmp_path: Path, image: Path) -> None:
    as_json(tmp_path / "b.json", [*AS["xyxy"].tolist(), *AS["xyxy"].tolist(), [5, 5, 4, 4]])
    with pytest.raises(InputError, match="the boxes fit as xyxy"):
        read_people(tmp_path / "b.json", image)
    inside = [(1, 1, 40, 50), (2, 2, 60, 70), (3, 3, 80, 90), (4, 4, 100, 110)]
    as_json(tmp_path / "b.json", [*inside, (300, 100, 440, 250)])
    with pytest.raises(InputError, match="the boxes fit as xyxy"):
        read_people(tmp_path / "b.json", image)
    as_json(tmp_path / "b.json", [*inside, (300, 100, 100, 250)])
    assert len(read_people(tmp_path / "b.json", image)[1][0]) == 5


def test_boxes_for_another_image_size_are_reported(tmp_path: Path, image: Path) -> None:
    document = annotations()
    document["images"][0] |= {"width": 2 * WIDTH, "height": 2 * HEIGHT}
    as_json(tmp_path / "b.json", document)
    finder, _ = read_people(tmp_path / "b.json", image)
    assert finder.remarks[-1] == (
        f"b.json: its boxes are for images of another size: a.png has {WIDTH}x{HEIGHT} px, but "
        f"{2 * WIDTH}x{2 * HEIGHT} px according to the file; the boxes are used unchanged"
    )


def test_crowds_are_skipped(tmp_path: Path, image: Path) -> None:
    as_json(tmp_path / "b.json", [coco(), coco(iscrowd=1)])
    finder, (boxes,) = read_people(tmp_path / "b.json", image)
    assert len(boxes) == 1
    assert finder.remarks == ["b.json: entry 1 is left out: a crowd, not one person"]
