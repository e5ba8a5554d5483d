"""A GSM modem that is not there: AT commands, a SIM card with a PIN, a network that takes, loses and answers messages.

Source: 3GPP TS 27.005, 27.007, 23.040, 23.038 (sensor protocols, section 13). Writes and reads its own bytes.
"""

import time
from collections.abc import Callable
from typing import Final, NamedTuple

SLOW_S: Final = 1.0
BOOT_S: Final = 0.2
REPORT_S: Final = 0.05
TRIES: Final = 3
PLACES: Final = 10
SWITCHES: Final = (
    "hung", "no_ok_after_cpin", "chatter", "text_only", "foreign_words", "no_network", "no_sim", "deaf_to_restart",
    "no_reports", "fails_delivery", "echo_stays", "swallows_prompt",
)  # fmt: skip
"""What may be wrong, each on or off. hung: answers nothing until it is restarted; deaf_to_restart: not even then."""
CHATTER: Final = (b"\r\n+ZDONR: \"METRO\",716,06,\"CS_ONLY\"\r\n", b"\r\n^RSSI: 17\r\n", b"\r\n+CREG: 5\r\n")
_LATIN: Final = {letter: letter for letter in range(0x20, 0x7F)} | {0x00: 0x40, 0x02: 0x24, 0x0A: 0x0A, 0x11: 0x5F}
"""Septets of GSM-7 that are ASCII; enough for what tests read."""
_NOT_ASCII: Final = {0x24: "¤", 0x40: "¡", 0x5B: "Ä", 0x5C: "Ö", 0x5D: "Ñ", 0x5E: "Ü", 0x5F: "§", 0x60: "¿",
                     0x7B: "ä", 0x7C: "ö", 0x7D: "ñ", 0x7E: "ü", 0x05: "é", 0x04: "è", 0x06: "ù"}  # fmt: skip


class Message(NamedTuple):
    """What the network got."""

    number: str
    text: str
    wants_report: bool


class Modem:
    """The modem and its card. `errors`: results of the next messages, `+CMS ERROR: n`; `wrong`: of SWITCHES."""

    baud: Final = 115_200

    def __init__(self, pin: str | None = None) -> None:
        self.wrong: set[str] = set()
        self.errors: list[int] = []
        self.sent: list[Message] = []
        self.pins_tried = 0
        self.restarts = 0
        self.centre = "+51997990000"
        self.store: dict[int, tuple[bool, bytes]] = {}
        self._pin = pin
        self._unlocked = pin is None
        self._heard = b""
        self._echo, self._text, self._announces = True, True, False
        self._typing: Callable[[float, bytes], bytes] | None = None
        self._due: list[tuple[float, bytes]] = []
        self._reference = 255
        self._silent_until_s = 0.0
        self.report_after_s = REPORT_S

    def power_on(self, now_s: float) -> None:
        """Power has come: echo on, text mode, the card locked, nothing half typed."""
        self._heard, self._echo, self._text, self._typing = b"", True, True, None
        self._unlocked = self._pin is None
        self._announces = False
        self._due, self._silent_until_s = [], now_s + BOOT_S

    def arrive(self, text: str, number: str = "51987654321", at_utc_s: float | None = None) -> None:
        """Somebody wrote: it is stored, and announced with the next `speak`. ASCII only. at_utc_s: its stamp."""
        place = next(place for place in range(1, PLACES + 1) if place not in self.store)
        stamp = bytes.fromhex("6211327000000A") if at_utc_s is None else _stamp(at_utc_s)
        unit = b"\x04" + _address(number) + b"\x00\x00" + stamp + bytes([len(text)]) + _packed(text)
        self.store[place] = (False, b"\x00" + unit)
        if self._announces:
            self._due.append((0.0, b'\r\n+CMTI: "SM",%d\r\n' % place))

    def speak(self, now_s: float) -> list[bytes]:
        """What has become due."""
        if self._is_silent(now_s):
            return []
        due = [data for at, data in self._due if at <= now_s]
        self._due = [(at, data) for at, data in self._due if at > now_s]
        return due

    def hear(self, now_s: float, data: bytes) -> list[bytes]:
        """The host's bytes, cut anywhere; the answers."""
        self._heard += data
        answers = []
        while self._heard:
            end = min((at for at in map(self._heard.find, (b"\r", b"\x1a", b"\x1b")) if at >= 0), default=-1)
            if end < 0:
                break
            line, mark, self._heard = self._heard[:end], self._heard[end : end + 1], self._heard[end + 1 :]
            if self._is_silent(now_s):
                if line == b"AT+CFUN=1,1" and "deaf_to_restart" not in self.wrong:
                    self._restart(now_s)
                continue
            answers.append((line + mark if self._echo else b"") + self._answer(now_s, line.strip(b"\n"), mark))
        return [answer for answer in answers if answer]

    def _is_silent(self, now_s: float) -> bool:
        return "hung" in self.wrong or now_s < self._silent_until_s

    def _restart(self, now_s: float) -> None:
        self.wrong.discard("hung")
        self.restarts += 1
        self.power_on(now_s)

    def _answer(self, now_s: float, line: bytes, mark: bytes) -> bytes:
        if self._typing is not None:
            if mark == b"\r":
                return b""
            typing, self._typing = self._typing, None
            return typing(now_s, line) if mark == b"\x1a" else b"\r\nOK\r\n"
        if not line or mark != b"\r":
            return b""
        text = line.decode("ascii", "replace").upper()
        if text == "AT+CFUN=1,1":
            self._restart(now_s)
            return b""
        return self._obey(text)

    def _obey(self, text: str) -> bytes:
        name, equals, value = text.partition("=")
        if text in ("AT", "AT+CMEE=1", "AT+CNMI=2,1,0,1,0", 'AT+CSCS="GSM"'):
            self._announces |= text.startswith("AT+CNMI")
            return _OK
        if text in ("ATE0", "ATE1"):
            self._echo = text == "ATE1" or "echo_stays" in self.wrong
            return _OK
        if name in ("AT+CPIN?", "AT+CPIN"):
            return self._card(value.strip('"')) if equals else self._card_state()
        if not self._unlocked or "no_sim" in self.wrong:
            return _error("CMS", 310 if "no_sim" in self.wrong else 311)
        if text == "AT+CREG?":
            return _said(b"+CREG: 0,%d" % (2 if "no_network" in self.wrong else 1))
        if text == "AT+CSQ":
            return _said(b"+CSQ: 21,99")
        if text == "AT+CSCA?":
            return _said(b'+CSCA: "%b",145' % self.centre.encode())
        if name == "AT+CMGF":
            if value == "0" and "text_only" in self.wrong:
                return b"\r\nCOMMAND NOT SUPPORT\r\n" if "foreign_words" in self.wrong else b"\r\nERROR\r\n"
            self._text = value == "1"
            return _OK
        if name == "AT+CMGS":
            self._typing = self._take_text(value.strip('"')) if self._text else self._take_pdu(int(value))
            return b"" if "swallows_prompt" in self.wrong else self._chat() + b"\r\n> "
        if name in ("AT+CMGR", "AT+CMGD", "AT+CMGL"):
            return self._memory(name, value)
        return b"\r\nCOMMAND NOT SUPPORT\r\n" if "foreign_words" in self.wrong else b"\r\nERROR\r\n"

    def _chat(self) -> bytes:
        return b"".join(CHATTER) if "chatter" in self.wrong else b""

    def _card_state(self) -> bytes:
        if "no_sim" in self.wrong:
            return _error("CME", 10)
        state = b"READY" if self._unlocked else b"SIM PUK" if self.pins_tried >= TRIES else b"SIM PIN"
        said = b"\r\n+CPIN: %b\r\n" % state
        return said if "no_ok_after_cpin" in self.wrong else said + _OK

    def _card(self, pin: str) -> bytes:
        self.pins_tried += 1
        if self.pins_tried > TRIES:
            return _error("CME", 12)
        self._unlocked = pin == self._pin
        return _OK if self._unlocked else _error("CME", 16)

    def _memory(self, name: str, value: str) -> bytes:
        if name == "AT+CMGD":
            if "," in value:
                self.store = {place: one for place, one in self.store.items() if not one[0]}
            else:
                self.store.pop(int(value), None)
            return _OK
        places = sorted(self.store) if name == "AT+CMGL" else [int(value)] if int(value) in self.store else []
        if not places:
            return _OK if name == "AT+CMGL" else _error("CMS", 321)
        out = b""
        for place in places:
            read, unit = self.store[place]
            self.store[place] = (True, unit)
            index = b"%d," % place if name == "AT+CMGL" else b""
            out += b"\r\n%b: %b%d,,%d\r\n%b" % (
                name[2:].encode(), index, read, len(unit) - 1, unit.hex().upper().encode(),
            )  # fmt: skip
        return out + b"\r\n" + self._chat() + _OK

    def _take_text(self, number: str) -> Callable[[float, bytes], bytes]:
        def typed(now_s: float, body: bytes) -> bytes:
            return self._taken(now_s, Message(number, _letters(body), wants_report=False))

        return typed

    def _take_pdu(self, length: int) -> Callable[[float, bytes], bytes]:
        def typed(now_s: float, body: bytes) -> bytes:
            try:
                octets = bytes.fromhex(body.decode("ascii"))
            except ValueError:
                return _error("CMS", 304)
            if len(octets) - 1 - octets[0] != length:
                return _error("CMS", 304)
            return self._taken(now_s, _message(octets[1 + octets[0] :]))

        return typed

    def _taken(self, now_s: float, message: Message) -> bytes:
        if "no_network" in self.wrong:
            return _error("CMS", 331)
        if self.errors:
            number = self.errors.pop(0)
            return _error("CMS", number)
        self._reference = (self._reference + 1) % 256  # the first one is 0
        self.sent.append(message)
        if message.wants_report and self._announces and "no_reports" not in self.wrong:
            self._due.append((now_s + self.report_after_s, self._report(message)))
        return self._chat() + _said(b"+CMGS: %d" % self._reference)

    def _report(self, message: Message) -> bytes:
        stamp = bytes.fromhex("621132700000F9")  # a zone that is no number, as real networks send it
        status = b"\x41" if "fails_delivery" in self.wrong else b"\x00"
        unit = bytes([0x06, self._reference]) + _address(message.number.lstrip("+")) + stamp + stamp + status
        return b"\r\n+CDS: %d\r\n00%b\r\n" % (len(unit), unit.hex().upper().encode())


_OK: Final = b"\r\nOK\r\n"


def _said(line: bytes) -> bytes:
    return b"\r\n" + line + b"\r\n" + _OK


def _error(kind: str, number: int) -> bytes:
    return b"\r\n+%b ERROR: %d\r\n" % (kind.encode(), number)


def _address(number: str) -> bytes:
    digits = number + "F" * (len(number) % 2)
    swapped = "".join(digits[i + 1] + digits[i] for i in range(0, len(digits), 2))
    return bytes([len(number), 0x91]) + bytes.fromhex(swapped)


def _stamp(utc_s: float) -> bytes:
    """A service centre's time, at zone 0: digits swapped (23.040, 9.2.3.11)."""
    digits = time.strftime("%y%m%d%H%M%S", time.gmtime(utc_s)) + "00"
    return bytes.fromhex("".join(digits[i + 1] + digits[i] for i in range(0, len(digits), 2)))


def _packed(text: str) -> bytes:
    bits = "".join(f"{ord(letter):07b}" for letter in reversed(text))
    octets = (len(bits) + 7) // 8
    return int(bits or "0", 2).to_bytes(octets, "little")


def _letters(septets: bytes) -> str:
    return "".join(_NOT_ASCII.get(septet, chr(_LATIN.get(septet, 0x3F))) for septet in septets)


def _message(unit: bytes) -> Message:
    """What an SMS-SUBMIT says: its number and text, without the header of a part."""
    first, digits = unit[0], unit[2]
    at = 4 + (digits + 1) // 2
    swapped = unit[4:at].hex()
    number = "".join(swapped[i + 1] + swapped[i] for i in range(0, len(swapped), 2))[:digits]
    coding = unit[at + 1]
    at += 2 + (1 if first & 0x18 else 0)
    length, data = unit[at], unit[at + 1 :]
    header = 1 + data[0] if first & 0x40 else 0
    if coding == 0x08:
        text = data[header:length].decode("utf-16-be")
    else:
        bits = "".join(f"{octet:08b}" for octet in reversed(data))
        septets = [int(bits[max(0, len(bits) - 7 * (i + 1)) : len(bits) - 7 * i], 2) for i in range(length)]
        text = _letters(bytes(septets[(header * 8 + 6) // 7 :]))
    return Message(("+" if unit[3] == 0x91 else "") + number, text, bool(first & 0x20))
