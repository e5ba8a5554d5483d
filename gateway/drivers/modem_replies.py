"""What the lines of a GSM modem mean: final results, error numbers, and what to do about them. Pure.

Source: 3GPP TS 27.005 (3.2.5, +CMS ERROR), 27.007 (9.2, +CME ERROR); sensor protocols, section 13.
"""

import re
from enum import Enum
from typing import Final, NamedTuple


class Cure(Enum):
    """What helps after an error."""

    RETRY = "again later"
    CONFIGURE = "a person must look"
    MAKE_ROOM = "delete what was read"


class Reply(NamedTuple):
    """The end of one command. lines: what belonged to it. error: one sentence, empty if it went well."""

    ok: bool
    lines: tuple[str, ...] = ()
    error: str = ""
    cure: Cure = Cure.RETRY
    timed_out: bool = False


_WORDS: Final = {
    "CMS": {
        41: "the network has a temporary failure", 42: "the network is congested", 47: "the network has no room",
        69: "the network does not offer this", 300: "the modem failed", 301: "the modem's SMS service is reserved",
        302: "the modem does not allow it", 303: "the modem does not support it", 304: "the modem refuses the PDU",
        305: "the modem refuses the text", 310: "no SIM card", 311: "the SIM card needs its PIN",
        312: "the SIM card is locked to a phone", 313: "the SIM card failed", 314: "the SIM card is busy",
        315: "the SIM card is of a wrong kind", 316: "the SIM card needs its PUK", 317: "the SIM card needs PIN 2",
        318: "the SIM card needs PUK 2", 320: "the memory failed", 321: "there is no such place in the memory",
        322: "the memory is full", 330: "the number of the service centre is not known", 331: "there is no network",
        332: "the network does not answer", 500: "an unknown error",
    },
    "CME": {
        10: "no SIM card", 11: "the SIM card needs its PIN", 12: "the SIM card needs its PUK",
        13: "the SIM card failed", 14: "the SIM card is busy", 16: "the PIN is wrong", 30: "there is no network",
    },
}  # fmt: skip
_CONFIGURE: Final = {
    "CMS": frozenset({69, 302, 303, 304, 305, 310, 311, 312, 313, 315, 316, 317, 318, 330}),
    "CME": frozenset({10, 11, 12, 13, 16}),
}
_MAKE_ROOM: Final = frozenset({320, 321, 322})

_NUMBERED: Final = re.compile(r"\+(CM[SE]) ERROR: ?(\d+)")
_PLAIN: Final = ("ERROR", "COMMAND NOT SUPPORT", "COMMAND NOT SUPPORTED", "NO CARRIER")
UNSOLICITED: Final = ("+CMTI:", "+CDSI:", "+CDS:", "+CMT:", "+CREG:", "RING")
"""What comes without being asked for, anywhere; vendors have more (`+ZDONR`, `^RSSI`), known by being unknown."""


def final(line: str) -> Reply | None:
    """A line that ends a command, as a reply without its lines; None for any other."""
    if line == "OK":
        return Reply(ok=True)
    if line in _PLAIN:
        return Reply(ok=False, error=f"the modem answers {line}", cure=Cure.CONFIGURE)
    found = _NUMBERED.fullmatch(line)
    if found is None:
        if line.startswith(("+CMS ERROR", "+CME ERROR")):  # AT+CMEE=2, or a modem with words of its own
            return Reply(ok=False, error=f"the modem answers {line[:60]}", cure=Cure.RETRY)
        return None
    kind, number = found[1], int(found[2])
    words = _WORDS[kind].get(number, "an error without a common meaning")
    cure = Cure.MAKE_ROOM if kind == "CMS" and number in _MAKE_ROOM else (
        Cure.CONFIGURE if number in _CONFIGURE[kind] else Cure.RETRY
    )  # fmt: skip
    return Reply(ok=False, error=f"{words} (+{kind} ERROR {number})", cure=cure)


def numbers(line: str) -> list[int]:
    """The numbers behind the colon of a line such as `+CSQ: 21,99`; text between them is left out."""
    return [int(part) for part in line.partition(":")[2].replace('"', "").split(",") if part.strip().isdecimal()]


def registration(line: str, *, asked: bool) -> int | None:
    """The state of `+CREG: n,stat`, and of `+CREG: stat` where it was not asked for; 1 is home, 5 is roaming."""
    found = numbers(line)
    at = 1 if asked else 0
    return found[at] if len(found) > at else None


def signal_dbm(line: str) -> int | None:
    """`+CSQ: rssi,ber` → dBm; None for 99, which is not known."""
    found = numbers(line)
    return 2 * found[0] - 113 if found and found[0] <= 31 else None
