"""The bodies that HTTP takes and the shapes that it answers with."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.domain.site import Id

AlarmId = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}\.[a-z0-9_]{1,48}$")]
SHELVE_AT_MOST_MIN = 480
"""Longest shelving [min]: one shift of eight hours; the gateway may allow less."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Comment(_Body):
    """Why a person does what they do; it goes on record."""

    comment: Annotated[str, Field(max_length=500)] = ""


class Shelving(Comment):
    """An alarm is put aside, or a sensor out of service, for `minutes`, with a reason."""

    minutes: Annotated[float, Field(gt=0, le=SHELVE_AT_MOST_MIN)]


class Maintenance(Comment):
    """What was tested, with which gas, and whether it passed."""

    what: Literal["bump_test", "calibration_check", "proof_test"]
    passed: bool
    gas: Annotated[str, Field(max_length=80)] = ""


class Handover(Comment):
    """Who has the watch from now on: id or name of a person of the site file."""

    to: Annotated[str, Field(min_length=1, max_length=80)]


class ProtocolCall(Comment):
    """An action of a protocol: its target (a zone, usually; "" is the mine) and what the action needs."""

    target: Annotated[str, Field(pattern=r"^[a-z0-9-]{0,32}$")] = ""
    args: dict[str, Any] = {}


class PresenceReport(Comment):
    """Either a person was seen in a zone (null: outside), or a named person counted the people in a zone."""

    person: Id | None = None
    zone: Id | None = None
    count: Annotated[int, Field(ge=0, le=1000)] | None = None


class Token(BaseModel):
    """OAuth 2 access token."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - the name of a type of token


class PageSession(BaseModel):
    """Who the page is logged in as; `csrf` goes into the header of every command."""

    name: str
    role: str
    may_command: bool
    csrf: str


class Page(BaseModel):
    """A list: the items and the cursor of the next page, null at the end."""

    items: list[dict[str, Any]]
    next: str | None = None
