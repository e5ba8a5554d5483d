"""`bocamina run`: the gateway process."""

import logging
import signal
from pathlib import Path
from typing import Annotated

import typer


def run(
    site: Annotated[Path, typer.Argument(help="Site file (TOML).")],
) -> int:
    """Watch a mine: sensors, alarms, fans, journal. Ends in order on SIGTERM or Ctrl-C."""
    from bocamina.sealer import Sealer
    from bocamina.service import GatewayService
    from bocamina.site_file import load_site, site_hash
    from gateway.domain.errors import ConfigError
    from gateway.drivers.table import DRIVERS
    from gateway.formats.table import FORMATS
    from gateway.stores.paths import data_folder

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    model = load_site(site)
    problems = [
        f"{site}: source '{s.id}': {what} is not built in yet; expected one of {', '.join(known)}"
        for s in model.sources
        for what, known, fits in (
            (f"driver '{s.driver}'", DRIVERS, s.kind != "serial" or s.driver in DRIVERS),
            (f"format '{s.format}'", FORMATS, s.kind != "mqtt" or s.format in FORMATS),
        )
        if not fits
    ]
    if problems:
        raise ConfigError(*problems)
    service = GatewayService(model, site_hash(site), data_folder())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: service.stop())
    sealer = Sealer(site)
    service.archive = lambda: sealer.state
    sealer.start()
    try:
        service.run()
    finally:
        sealer.stop()
    return 0
