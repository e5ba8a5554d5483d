"""A gateway whose disk can be made slow or full from outside. The fault tests run it and talk to it.

Arguments: site file, data folder. Standard input, a line each: `stall SECONDS` (of every commit from now on), `full`
(the disk takes nothing), `room` (it does again). Standard error: the gateway's log.
"""

import logging
import resource
import signal
import sys
import threading
import time
from pathlib import Path

from bocamina.service import GatewayService
from bocamina.site_file import load_site, site_hash

UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    stall = [0.0]

    def obey() -> None:
        for line in sys.stdin:
            match line.split():
                case ["stall", seconds]:
                    stall[0] = float(seconds)
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
