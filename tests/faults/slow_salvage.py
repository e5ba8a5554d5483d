"""`bocamina run SITE.toml` on a slow card: no damaged journal is saved before a file `go` stands beside it."""

import sys
import time
from pathlib import Path

from bocamina import beginning, cli
from gateway.stores import salvage

readable = salvage._readable


def slowly(path: Path):
    while not path.with_name("go").exists():
        time.sleep(0.01)
    yield from readable(path)


beginning.SALVAGED_AT_ONCE = 0
salvage._readable = slowly
sys.exit(cli.run(["run", sys.argv[1]]))
