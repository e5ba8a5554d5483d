"""A gateway whose disk and wall clock are in somebody's hand. The fault tests run it and talk to it.

Arguments: site file, data folder, and optionally by how many seconds the wall clock is wrong from the start. Standard
input, a line each: `stall SECONDS` (of every commit from now on), `full` (the disk takes nothing), `room` (it does
again), `clock SECONDS` (the wall clock is set by so much). Standard error: the gateway's log. No network tells it the
time, whatever the computer has.
"""

import logging
import resource
import signal
import sys
import threading
import time
from pathlib import Path

from bocamina.clock_evidence import Evidence
from bocamina.service import GatewayService
from bocamina.site_file import load_site, site_hash

UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    stall = [0.0]
    wrong_ns = [round(float(sys.argv[3]) * 1e9) if len(sys.argv) > 3 else 0]
    right = time.time_ns
    time.time_ns = lambda: right() + wrong_ns[0]
    Evidence.synchronised = lambda _self: False
    Evidence.kept = lambda _self, _utc_us: True

    def obey() -> None:
        for line in sys.stdin:
            match line.split():
                case ["stall", seconds]:
                    stall[0] = float(seconds)
                case ["clock", seconds]:
                    wrong_ns[0] += round(float(seconds) * 1e9)
                case ["full"]:  # every byte beyond the first of any file is refused, as by a full disk
                    resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
                case ["room"]:
                    resource.setrlimit(resource.RLIMIT_FSIZE, UNLIMITED)

    site = Path(sys.argv[1])
    service = GatewayService(
        load_site(site), site_hash(site), Path(sys.argv[2]), before_commit=lambda: time.sleep(stall[0])
    )
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: service.stop())
    threading.Thread(target=obey, daemon=True).start()
    service.run()


main()
