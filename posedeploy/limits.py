"""The table of limits of untrusted files, checked before memory is allocated.

Messages have the size found and the size allowed. docs/files.md shows the limits that users meet.
"""

from __future__ import annotations

# Bytes of a file.
MAX_TEXT_BYTES = 64 << 20
"""The limit of a text file, unless its reader has another one below."""
MAX_TOML_BYTES = 1 << 20
"""TOML files are written by hand, and the parser takes seconds per MiB."""
MAX_MANIFEST_BYTES = 8 << 20
MAX_EMBEDDED_MANIFEST_BYTES = 1 << 20
"""The limit of an uncompressed manifest in a ``.tflite`` file."""
MAX_VOC_BYTES = 8 << 20
"""The limit of a Pascal VOC file, which describes one image."""
MAX_OBJ_BYTES = 256 << 20
MAX_JSON_CONTAINERS = 1 << 20
"""The limit of lists and objects in JSON, in addition to one for each ``JSON_BYTES_PER_CONTAINER`` bytes."""
JSON_BYTES_PER_CONTAINER = 32
MAX_JSON_BYTES = 512 << 20
"""The limit of boxes and joints in JSON."""
MAX_COCO_BYTES = 1 << 30
"""The annotations of COCO's train2017 have 240 MB."""
MAX_IMAGE_BYTES = 1 << 30
MAX_ARRAY_BYTES = 512 << 20
"""The limit of an array in ``.npy``, ``.npz`` or ``.mat``: over a million people with 17 joints."""
MAX_LIBRARY_BYTES = 2 << 30
"""The limit of a compiled library in an AOTInductor package."""
MAX_SAFETENSORS_HEADER = 100_000_000
"""The limit of the safetensors library itself."""

# Structure of a text.
MAX_DEPTH = 200
"""The nesting depth of TOML, of XML, and of JSON that msgspec cannot read. msgspec's limit is Python's
recursion limit, about 1,000."""
MAX_XML_NAME = 100
"""The characters of an element's name."""

# Images and video.
MAX_SIDE = 65_535
"""The side of an image in px; the limit of JPEG."""
MAX_PIXELS = 1 << 28
"""The pixels of an image: more than any camera has, and 805 MB when decoded."""
MAX_FRAME_PIXELS = 1 << 25
"""The pixels of a frame of a video or animation. Several are in memory; 8K video has 33,177,600."""
MAX_PAGES = 65_536
"""The pages of a TIFF file. To reach a page, the decoder reads all previous ones."""

# Archives.
MAX_MEMBERS = 10_000
"""The members of an archive that are examined for a checkpoint."""
MAX_LAYERS = 4
"""Nested archives."""
BYTES_PER_FILE_BYTE = 4
BASE_BYTES = 256 << 20
"""A checkpoint of S bytes may use ``BYTES_PER_FILE_BYTE * S + BASE_BYTES`` bytes for unpacked files, text,
objects, arrays and tensors."""

# Pickles.
MAX_OPCODES = 8_000_000
"""The instructions of a pickle; a checkpoint of 1,000 tensors has about 40,000."""
MAX_MEMO_INDEX = 8_000_000
MAX_MARKS = 2_000
"""Open containers."""
MAX_INTEGER_BYTES = 1_024
MAX_DIGITS = 2_500
"""The characters of a number that is written as text."""
MAX_KEY_PARTS = 64
"""The strings in a tuple that is the key of a dictionary or the member of a set."""
MAX_KEY_INTEGER = 1 << 12
"""A file can contain larger integers with colliding hashes, for each of which a dictionary probes all
entries."""
MAX_PATH_CHARACTERS = 1_024
"""The characters of the path from the top of a checkpoint to a tensor or container; weights have about
100."""
MAX_DIMENSIONS = 32
MAX_NESTED_FILES = 2
"""Files that are nested as bytes in pickles."""
MAX_MODULES = 100_000
"""The modules of a pickled network, each counted once for every path to it."""
