"""Whose telephone a message came from, by the numbers that stand in `notify`."""

from typing import Final, NamedTuple

from gateway.domain.site import Person, Site

SCHEME: Final = "sms:"
NATIONAL: Final = 8
"""Digits that a number without its country code must have to be told by its end; shorter ones are services' [D]."""


class Caller(NamedTuple):
    """A person, and the address to answer to."""

    person: Person
    address: str


def number_of(address: str) -> str:
    """The telephone number of an `sms:` address."""
    return address.partition(":")[2].removeprefix("//").strip("/ ")


class Telephones:
    """The numbers of one site's people."""

    def __init__(self, site: Site) -> None:
        self._callers = [
            Caller(person, address)
            for person in site.people for address in person.notify if address.lower().startswith(SCHEME)
        ]  # fmt: skip

    def caller(self, sender: str) -> Caller | None:
        """Whose number it is; None for a stranger, and for a number that two people share: nobody is named by it."""
        found = [caller for caller in self._callers if is_same(number_of(caller.address), sender)]
        return found[0] if len({caller.person.id for caller in found}) == 1 else None

    def shared(self) -> list[tuple[str, str]]:
        """Pairs of people that one number stands for."""
        pairs = {
            (one.person.id, other.person.id): None
            for at, one in enumerate(self._callers) for other in self._callers[at + 1 :]
            if one.person.id != other.person.id and is_same(number_of(one.address), number_of(other.address))
        }  # fmt: skip
        return list(pairs)


def is_same(one: str, other: str) -> bool:
    """Whether two ways to write a number mean the same: networks give some senders without their country code."""
    first, second = _digits(one), _digits(other)
    if not first or not second:
        return False
    if first == second:
        return True
    if one.startswith("+") == other.startswith("+"):
        return False
    whole, end = (first, second) if one.startswith("+") else (second, first)
    end = end.lstrip("0")
    return len(end) >= NATIONAL and whole.endswith(end)


def _digits(number: str) -> str:
    digits = number.removeprefix("+")
    return digits if digits.isascii() and digits.isdecimal() else ""
