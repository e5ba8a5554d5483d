"""Where a site's files lie, in one place."""

import os
from collections.abc import Mapping
from pathlib import Path


def data_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """The data folder of `run`, `api`, `export` and the demo: `BOCAMINA_DATA`, `./data` without it."""
    return Path(environment.get("BOCAMINA_DATA") or "data")


def journal_path(site_id: str, folder: Path | None = None) -> Path:
    """The journal of a site: `{data folder}/{site id}/journal.db`."""
    return (folder if folder is not None else data_folder()) / site_id / "journal.db"


def archive_folder(journal: Path) -> Path:
    """The archive beside a journal: `{data folder}/{site id}/archive`."""
    return journal.with_name("archive")
