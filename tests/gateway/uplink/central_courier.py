"""A process that carries a journal to a central broker until it is killed: JOURNAL PORT."""

import sys
import threading
from pathlib import Path

from gateway.domain.site import Central
from gateway.uplink.central import CentralSink
from gateway.uplink.courier import Courier

sink = CentralSink("orex-01", Central(host="127.0.0.1", port=int(sys.argv[2])))
Courier("central", "orex-01", Path(sys.argv[1]), sink, poll_s=0.02, first_retry_s=0.05).start()
threading.Event().wait()
