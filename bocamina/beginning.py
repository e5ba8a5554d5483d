"""How a gateway begins: with the engine and the clock of its journal, also on a disk that takes nothing."""

import logging
from pathlib import Path
from typing import NamedTuple

from bocamina.clock import EngineClock
from bocamina.engine import Engine
from bocamina.restore import restore
from gateway.domain.errors import StoreFailed
from gateway.domain.site import Site
from gateway.stores.journal import Journal

log = logging.getLogger(__name__)


class Beginning(NamedTuple):
    """waits_for_disk: the journal could not be opened for writing; nothing may be acknowledged until it can."""

    engine: Engine
    clock: EngineClock
    waits_for_disk: bool


def begin(site: Site, site_hash: str, path: Path) -> Beginning:
    """The state of the last commit; what a disk that takes nothing can still be read of, else a new one.

    A card that has become read-only shows it at the next start: that must keep nobody in the dark either (0004).
    Raises StoreFailed where there never was a journal: then the folder is wrong, and a person must see it.
    """
    Engine.warm_up()
    engine = Engine(site, site_hash)
    try:
        with Journal.open(path) as journal:
            clock = EngineClock.of(journal)
            journal.register_site(site_hash, site, clock.moment())
            restore(engine, journal)
            if journal.salvaged is not None:
                log.warning("%s: %s", path, journal.salvaged)
            return Beginning(engine, clock, waits_for_disk=False)
    except StoreFailed as error:
        if not path.exists():
            raise
        log.error("%s; watching without it until the disk takes rows again", error)  # noqa: TRY400  one sentence
    return _read_only(site, site_hash, path)


def _read_only(site: Site, site_hash: str, path: Path) -> Beginning:
    engine = Engine(site, site_hash)
    try:
        with Journal.reader(path) as journal:
            clock = EngineClock.of(journal)
            restore(engine, journal)
            return Beginning(engine, clock, waits_for_disk=True)
    except StoreFailed as error:
        log.warning("%s; nothing is known of before", error)
    return Beginning(Engine(site, site_hash), EngineClock(), waits_for_disk=True)
