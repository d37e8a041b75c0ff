"""Call one function in an isolated environment, with a JSON object on standard input and output.

``python -I -X utf8 harness.py SCRIPT`` calls ``run(request)`` of the script. Everything that the script and
its packages print goes to standard error, so that standard output holds only the response. There is no
network access. When the parent process ends, this one ends too.
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
    """Process one request."""
    responses = os.dup(1)
    os.dup2(2, 1)
    requests = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(requests, 1 << 16)
        if not piece:
            sys.exit("the request is incomplete")
        line += piece
    threading.Thread(target=end_with_parent, args=(requests,), daemon=True).start()
    sys.addaudithook(_refuse_network)
    try:
        response = runpy.run_path(sys.argv[1])["run"](json.loads(line))
    except Exception as error:
        # A traceback ends with the last line of the message; exit with the first one.
        traceback.print_exc()
        sys.exit(f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}")
    with os.fdopen(responses, "w", encoding="utf-8") as stream:
        json.dump(response, stream)


def end_with_parent(requests: int) -> None:
    """Wait until the parent closes its end of the pipe, then end this process and its group."""
    os.read(requests, 1)  # returns when the parent closes its end
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def _refuse_network(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.getaddrinfo":
        raise OSError(f"connection to {arguments[0]} refused: isolated environments run without network")
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        raise OSError(f"connection to {arguments[1][0]} refused: isolated environments run without network")


if __name__ == "__main__":
    main()
