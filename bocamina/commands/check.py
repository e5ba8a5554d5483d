"""`bocamina check` says whether a site file is right."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bocamina.site_checks import refuse_the_future
from bocamina.site_file import load_site, site_hash
from bocamina.site_remarks import remarks
from gateway.domain.errors import ConfigError


def check(
    site: Annotated[Path, typer.Argument(metavar="SITE.toml", help="The site file.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Validate a site file: every problem on its own line (status 2), else remarks and ok (status 0)."""
    try:
        loaded = load_site(site)
        today = datetime.now(UTC).date()
        refuse_the_future(loaded, today)
    except ConfigError as error:
        if as_json:
            print(json.dumps({"ok": False, "problems": error.problems, "remarks": []}, ensure_ascii=False))
        raise
    found = remarks(loaded, today)
    if as_json:
        result = {"ok": True, "site": loaded.site.id, "sha256": site_hash(site), "problems": [], "remarks": found}
        print(json.dumps(result, ensure_ascii=False))
        return 0
    for remark in found:
        print(f"remark: {remark}")
    counts = ", ".join(f"{len(getattr(loaded, table))} {table}" for table in ("zones", "sensors", "actuators"))
    print(f"ok: {loaded.site.id}: {counts}")
    return 0
