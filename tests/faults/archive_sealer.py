"""A process that seals a journal again and again, as the gateway does; the fault tests kill it.

Arguments: journal, now [µs]. Standard output: a line after each sealing.
"""

import os
import sys
from pathlib import Path

from gateway.stores.sealing import seal

while True:
    seal(Path(sys.argv[1]), "orex-01", int(sys.argv[2]))
    os.write(1, b"sealed\n")
