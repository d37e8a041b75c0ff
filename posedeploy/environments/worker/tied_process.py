"""Run a program that ends when the process that started this one ends.

``python -I tied_process.py PROGRAM ...``; standard input is a pipe whose other end the starting process keeps
open.
"""

from __future__ import annotations

import runpy
import subprocess
import sys
import threading
from pathlib import Path


def main() -> None:
    """Run the program to its end."""
    end_with_parent = runpy.run_path(str(Path(__file__).with_name("harness.py")))["end_with_parent"]
    process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    threading.Thread(target=end_with_parent, args=(0,), daemon=True).start()
    sys.exit(process.wait())


if __name__ == "__main__":
    main()
