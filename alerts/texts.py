"""The catalogue of short messages, Spanish first, English beside it, and the alphabet of an SMS."""

import tomllib
import unicodedata
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

BOOK: Final[Mapping[str, Any]] = tomllib.loads(files("alerts.data").joinpath("texts.toml").read_text(encoding="utf-8"))
LANGUAGES: Final = ("es", "en")
SMS_SEPTETS: Final = 160
"""One message of GSM-7 (3GPP TS 23.038); one letter outside it cuts the message to 70 characters."""

GSM7: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The basic character set of 3GPP TS 23.038, one septet each."""

_BY_HAND: Final = str.maketrans({"µ": "u", "μ": "u", "≥": ">=", "≤": "<=", "–": "-", "—": "-", "°": "", "º": "",
                                 "“": '"', "”": '"', "’": "'", "[": "(", "]": ")"})  # fmt: skip


def language(wanted: str | None) -> str:
    """The language of the catalogue to use: Spanish where there is no text in the wanted one (Quechua is spoken)."""
    return wanted if wanted in LANGUAGES else LANGUAGES[0]


def words(section: str, key: str, lang: str) -> str:
    """One entry of the catalogue. Raises KeyError for a key that it does not have."""
    return str(BOOK[section][key][language(lang)])


def template(*keys: str, lang: str) -> str:
    """The message of the first key that the catalogue has, `other` if it has none."""
    found = next((BOOK["sms"][key] for key in keys if key in BOOK["sms"]), BOOK["sms"]["other"])
    return str(found[language(lang)])


def gsm7(text: str) -> str:
    """The text in the SMS alphabet: ñ and é stay, á í ó ú lose their accent, what is left becomes `?`."""
    out = []
    for letter in text.translate(_BY_HAND):
        if letter in GSM7:
            out.append(letter)
        else:
            plain = unicodedata.normalize("NFKD", letter)
            out.append("".join(c for c in plain if c in GSM7) or ("" if unicodedata.combining(letter) else "?"))
    return "".join(out)
