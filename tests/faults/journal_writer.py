"""A process that journals numbered groups as fast as it can and says which are durable. The fault tests kill it.

Arguments: journal, and optionally the most bytes a file may have at first (a disk that is full until standard input
says a word). Every group k carries k in its step and in a record of its own. Standard output: each durable k as a line.
JOURNAL_SYNCHRONOUS: another way to sync than the journal's own, to see what that would lose.
"""

import os
import resource
import signal
import sys
from itertools import count
from pathlib import Path

from gateway.domain.events import Tick
from gateway.domain.moment import Moment
from gateway.stores.journal import Journal
from gateway.stores.packing import Outcome, Step
from gateway.stores.rows import Kind
from gateway.stores.writer import Group, JournalWriter, Record


def last_written(path: Path) -> int:
    with Journal.open(path) as journal:
        row = journal.last()
        if row is None:
            return 0
        return row.document()["k"]


def opened(path: Path) -> Journal:
    journal = Journal.open(path)
    journal._connection.execute(f"PRAGMA synchronous = {os.environ.get('JOURNAL_SYNCHRONOUS', 'FULL')}")
    return journal


def group(k: int) -> Group:
    moment = Moment(k, k)
    step = Step(moment, [Tick()], [Outcome(i, 0, 0, 0, k, float(k), float(k)) for i in range(k % 7)])
    return Group("h", (step,), (Record(Kind.TRANSITION, moment, {"k": k, "filler": os.urandom(37 * k % 5000)}),), k)


def main() -> None:
    path = Path(sys.argv[1])
    first = last_written(path) + 1
    writer = JournalWriter(
        lambda: opened(path), lambda told: os.write(1, "".join(f"{k}\n" for k in told).encode())
    )
    if len(sys.argv) > 2:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    writer.start()
    if len(sys.argv) > 2:
        for k in range(first, first + 500):
            writer.submit(group(k))
        if writer.flush(1) or writer.failure is None:
            sys.exit("the disk took everything: the limit is too high for this test")
        os.write(1, f"refused: {writer.failure}\n".encode())
        sys.stdin.readline()
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        sys.exit(0 if writer.flush(30) and writer.close() else 1)
    for k in count(first):
        writer.submit(group(k))
        if k % 20 == 0:
            writer.flush(30)


main()
