"""The 7-bit alphabet of short messages, and septets in octets. Pure.

Source: 3GPP TS 23.038, 6.1.2.1 (packing), 6.2.1 (default alphabet), 6.2.1.1 (extension), A.2.2 (Spanish single shift).
"""

from collections.abc import Iterable, Mapping
from typing import Final

ESCAPE: Final = 0x1B
DEFAULT: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""By septet. 1B is no letter: it leads to the extension."""
EXTENSION: Final[Mapping[int, str]] = {
    0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€",
}  # fmt: skip
SPANISH: Final[Mapping[int, str]] = {
    **EXTENSION, 0x09: "ç", 0x41: "Á", 0x49: "Í", 0x4F: "Ó", 0x55: "Ú", 0x61: "á", 0x69: "í", 0x6F: "ó", 0x75: "ú",
}  # fmt: skip
"""Read only: a phone must announce and know it, which none does by default."""

_SEPTETS: Final[Mapping[str, tuple[int, ...]]] = {
    **{letter: (septet,) for septet, letter in enumerate(DEFAULT) if septet != ESCAPE},
    **{letter: (ESCAPE, septet) for septet, letter in EXTENSION.items()},
}


def septets_of(text: str) -> list[tuple[int, ...]] | None:
    """Each letter as its one or two septets; None if a letter is not in the alphabet."""
    found = [_SEPTETS.get(letter) for letter in text]
    return None if None in found else [one for one in found if one is not None]


def text_of(septets: Iterable[int], extension: Mapping[int, str] = EXTENSION) -> str:
    """The text of septets; an unknown extension reads as the letter of the default alphabet (6.2.1.1, note 1)."""
    letters: list[str] = []
    escaped = False
    for septet in septets:
        if escaped:
            letters.append(extension.get(septet, " " if septet == ESCAPE else DEFAULT[septet]))
            escaped = False
        elif septet == ESCAPE:
            escaped = True
        else:
            letters.append(DEFAULT[septet])
    return "".join(letters)


def pack(septets: Iterable[int], fill_bits: int = 0) -> bytes:
    """Septets in octets, the first in the lowest bits; `fill_bits` zeros stand before it (after a header)."""
    number, bits = 0, fill_bits
    for septet in septets:
        number |= septet << bits
        bits += 7
    return number.to_bytes((bits + 7) // 8, "little")


def unpack(data: bytes, count: int, fill_bits: int = 0) -> list[int]:
    """At most `count` septets; fewer where the data ends."""
    number = int.from_bytes(data, "little") >> fill_bits
    whole = max(0, len(data) * 8 - fill_bits) // 7
    return [number >> 7 * index & 0x7F for index in range(min(count, whole))]
