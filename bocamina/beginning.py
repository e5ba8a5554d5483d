"""How a gateway begins: with the engine and the clock of its journal, also on a disk that takes nothing."""

import logging
from pathlib import Path
from typing import Final, NamedTuple

from bocamina.clock import EngineClock
from bocamina.engine import Engine
from bocamina.restore import restore
from gateway.domain.errors import StoreFailed
from gateway.domain.site import Site
from gateway.stores.journal import Journal

log = logging.getLogger(__name__)

SALVAGED_AT_ONCE: Final = 16_000_000
"""Bytes of a damaged journal that the mine waits for, a second or two. A larger one is saved while we watch (0018)."""


class Beginning(NamedTuple):
    """trouble: why the journal could not be opened for writing, "" if it was; till it is, nothing is acknowledged."""

    engine: Engine
    clock: EngineClock
    trouble: str = ""


def begin(site: Site, site_hash: str, path: Path) -> Beginning:
    """The state of the last commit; what a disk that takes nothing can still be read of, else a new one.

    A card that has become read-only shows it at the next start, and a large damaged journal takes long to save: that
    must keep nobody in the dark either (0004, 0018).
    Raises StoreFailed where there never was a journal: then the folder is wrong, and a person must see it.
    """
    Engine.warm_up()
    engine = Engine(site, site_hash)
    try:
        with Journal.open(path, salvaged_bytes=SALVAGED_AT_ONCE) as journal:
            clock = EngineClock.of(journal)
            journal.register_site(site_hash, site, clock.moment())
            restore(engine, journal)
            if journal.salvaged is not None:
                log.error("%s: %s", path, journal.salvaged)
            return Beginning(engine, clock)
    except StoreFailed as error:
        if not path.exists():
            raise
        trouble = str(error)
    log.error("%s; watching without it until it takes rows again", trouble)
    return _read_only(site, site_hash, path, trouble)


def _read_only(site: Site, site_hash: str, path: Path, trouble: str) -> Beginning:
    engine = Engine(site, site_hash)
    try:
        with Journal.reader(path) as journal:
            clock = EngineClock.of(journal)
            restore(engine, journal)
            return Beginning(engine, clock, trouble)
    except StoreFailed as error:
        log.warning("%s; nothing is known of before", error)
    return Beginning(Engine(site, site_hash), EngineClock(), trouble)
