"""`bocamina user SITE.toml NAME --role R`: a log-in of the dashboard; the password comes on standard input."""

import sys
from getpass import getpass
from pathlib import Path
from typing import Annotated

import typer

from api.app import user_file
from api.users import ROLES, UserStore
from bocamina.site_file import load_site
from gateway.domain.errors import ConfigError
from gateway.stores.paths import journal_path


def user(
    site: Annotated[Path, typer.Argument(metavar="SITE.toml", help="the site file")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="a-z, 0-9 and '-'; in [[people]], the id")],
    role: Annotated[str, typer.Option("--role", metavar="R", help=", ".join(ROLES))],
) -> None:
    """Add a log-in or change its role and password; a running `bocamina api` takes it over at once."""
    if sys.stdin.isatty():
        password = getpass("password: ")
        if getpass("again: ") != password:
            raise ConfigError("the two passwords differ; nothing was changed")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    folder = journal_path(load_site(site).site.id).parent
    UserStore(user_file(folder)).put(name, role, password)
    print(f"{name} may log in as {role}")
