"""The table of limits of untrusted files, checked before memory is allocated.

Messages have the size found and the size allowed. docs/files.md shows the limits that users meet.
"""

from __future__ import annotations

# Bytes of a file.
MAX_TEXT_BYTES = 64 << 20
"""Of a text file, unless its reader has a limit of its own below."""
MAX_TOML_BYTES = 1 << 20
"""TOML is written by hand, and its parser takes seconds per MiB."""
MAX_MANIFEST_BYTES = 8 << 20
MAX_EMBEDDED_MANIFEST_BYTES = 1 << 20
"""Of a manifest inside a ``.tflite``, which is stored without compression."""
MAX_VOC_BYTES = 8 << 20
"""Of a Pascal VOC file, which describes one image."""
MAX_OBJ_BYTES = 256 << 20
MAX_JSON_CONTAINERS = 1 << 20
"""Lists and objects in JSON, and one more for each ``JSON_BYTES_PER_CONTAINER`` bytes."""
JSON_BYTES_PER_CONTAINER = 32
MAX_JSON_BYTES = 512 << 20
"""Of boxes and of joints in JSON."""
MAX_COCO_BYTES = 1 << 30
"""Those of COCO's train2017 are 240 MB."""
MAX_IMAGE_BYTES = 1 << 30
MAX_ARRAY_BYTES = 512 << 20
"""Of one array in ``.npy``, ``.npz`` or ``.mat``: over a million people of 17 joints."""
MAX_LIBRARY_BYTES = 2 << 30
"""Of one compiled library in an AOTInductor package."""
MAX_SAFETENSORS_HEADER = 100_000_000
"""The limit of the safetensors library itself."""

# Structure of a text.
MAX_DEPTH = 200
"""Lists and objects inside each other, in TOML, in XML, and in JSON that msgspec cannot read. msgspec itself
stops at Python's recursion limit, about 1,000."""
MAX_XML_NAME = 100
"""Characters of an element's name."""

# Images and video.
MAX_SIDE = 65_535
"""px; JPEG's own limit."""
MAX_PIXELS = 1 << 28
"""Of an image: more than any camera's; 805 MB once decoded."""
MAX_FRAME_PIXELS = 1 << 25
"""Of a frame of a video or animation, of which several are in memory; 8K video has 33,177,600."""
MAX_PAGES = 65_536
"""Of a TIFF file; the decoder walks from the first page to reach any other."""

# Archives.
MAX_MEMBERS = 10_000
"""Files in an archive around a checkpoint that are looked at."""
MAX_LAYERS = 4
"""Archives inside of each other."""
BYTES_PER_FILE_BYTE = 4
BASE_BYTES = 256 << 20
"""A checkpoint of S bytes may become ``BYTES_PER_FILE_BYTE * S + BASE_BYTES`` bytes of unpacked files,
text, objects, arrays and tensors."""

# Pickles.
MAX_OPCODES = 8_000_000
"""Instructions in one pickle; a checkpoint of 1,000 tensors has about 40,000."""
MAX_MEMO_INDEX = 8_000_000
MAX_MARKS = 2_000
"""Containers that are open at the same time."""
MAX_INTEGER_BYTES = 1_024
MAX_DIGITS = 2_500
"""Characters of a number that is written as text."""
MAX_KEY_PARTS = 64
"""Strings in a tuple that is the key of a dictionary or the member of a set."""
MAX_KEY_INTEGER = 1 << 12
"""Larger integers can be chosen so that a dictionary probes as many entries for each as it holds."""
MAX_PATH_CHARACTERS = 1_024
"""Of the names from the top of a checkpoint to a tensor or container; names of weights have about 100."""
MAX_DIMENSIONS = 32
MAX_NESTED_FILES = 2
"""Files inside bytes of a pickle inside such bytes."""
MAX_MODULES = 100_000
"""Modules of a pickled network, each counted as often as it is reached."""
