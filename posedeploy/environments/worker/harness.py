"""Runs one function in a toolchain's Python: a JSON object in at standard input, one out at standard output.

``python -I -X utf8 harness.py SCRIPT`` calls ``run(request)`` of the script. Whatever the script and its
packages print goes to standard error, so that it cannot get into the answer; nothing there reaches a network;
and when the process that asked is gone, this one ends too.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
import threading
import traceback
from typing import Any


def main() -> None:
    """Answer one request."""
    answers = os.dup(1)
    os.dup2(2, 1)
    requests = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(requests, 1 << 16)
        if not piece:
            sys.exit("the request ended too soon")
        line += piece
    threading.Thread(target=end_with_the_asker, args=(requests,), daemon=True).start()
    sys.addaudithook(_refuse_network)
    try:
        answer = runpy.run_path(sys.argv[1])["run"](json.loads(line))
    except Exception as error:
        traceback.print_exc()  # whose last line may be the end of a long message: the first of it goes last
        sys.exit(f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}")
    with os.fdopen(answers, "w", encoding="utf-8") as stream:
        json.dump(answer, stream)


def end_with_the_asker(requests: int) -> None:
    """Wait until the other end of a pipe is closed; then end this process and all of its group."""
    os.read(requests, 1)  # returns when the other end is closed: nothing more is ever written
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def _refuse_network(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.getaddrinfo":
        raise OSError(f"{arguments[0]} was asked for: a toolchain works without a network")
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        raise OSError(f"{arguments[1][0]} was asked for: a toolchain works without a network")


if __name__ == "__main__":
    main()
