"""From the first `AT` to a modem that can send: its SIM card, its network, its mode. Pure; scripts as in `modem.py`."""

from collections.abc import Callable, Generator
from typing import Final

from gateway.drivers.modem_events import Event, PinTried
from gateway.drivers.modem_line import Command
from gateway.drivers.modem_replies import Reply, registration, signal_dbm

Script = Generator[Command, Reply, None]
Tell = Callable[[Event], None]
TRIES: Final = 3
HELLO_S: Final = 2.0


class ModemStart:
    """The start of one modem, again after each opening. A PIN that was not accepted is not given again."""

    def __init__(self, pin: str | None) -> None:
        self._pin = pin
        self.text_mode = False
        """It knows no PDUs: one plain message at a time, and nothing can be read."""
        self.network: int | None = None
        self.signal_dbm: int | None = None

    def script(self, tell: Tell) -> Generator[Command, Reply, str]:
        """Why it cannot send, one sentence; empty: it can. tell: takes what is to be told meanwhile."""
        for _ in range(TRIES):  # it may still be starting, or have half a command of somebody else
            reply = yield Command("AT", timeout_s=HELLO_S)
            if reply.ok:
                break
        else:
            return reply.error
        yield Command("ATE0")
        yield Command("AT+CMEE=1")  # for the words of the SIM card
        trouble = yield from self._unlock(tell)
        if trouble:
            return trouble
        yield from self.look_around()
        reply = yield Command("AT+CMGF=0")
        self.text_mode = not reply.ok
        if self.text_mode:
            yield Command("AT+CMGF=1")
            yield Command('AT+CSCS="GSM"')
        reply = yield Command("AT+CSCA?", "+CSCA:", needed=True)
        centre = reply.lines[0].partition(":")[2] if reply.lines else ""
        if reply.ok and not any(letter.isdigit() for letter in centre.partition(",")[0]):
            return "the number of the service centre is not known; set it on the SIM card (AT+CSCA)"
        yield from self.settle()
        return ""

    def mode(self) -> Command:
        """The command of its mode, before each message: a modem that lost its power takes a PDU for a text."""
        return Command("AT+CMGF=1" if self.text_mode else "AT+CMGF=0")

    def settle(self) -> Generator[Command, Reply, Reply]:
        """What it forgets without power, said again now and then: settings are levels, not edges. How its mode went."""
        yield Command("AT+CMEE=1")
        reply = yield self.mode()
        yield Command("AT+CNMI=2,1,0,1,0")
        return reply

    def _unlock(self, tell: Tell) -> Generator[Command, Reply, str]:
        """The SIM card, with its PIN if it asks and it was not tried before; what is wrong with it."""
        reply = yield Command("AT+CPIN?", "+CPIN:", needed=True)
        said = reply.lines[0].partition(":")[2].strip() if reply.lines else ""
        if reply.ok and said == "READY":
            return ""
        if not reply.ok or said != "SIM PIN":
            return reply.error or f"the SIM card asks for {said}"
        if self._pin is None or not self._pin.isdecimal():
            return "the SIM card asks for its PIN, and there is none that was not tried; see sms.pin_file"
        pin, self._pin = self._pin, None  # never twice
        tell(PinTried(None))
        reply = yield Command(f'AT+CPIN="{pin}"', timeout_s=15.0)
        if reply.ok:
            reply = yield Command("AT+CPIN?", "+CPIN:", needed=True, timeout_s=15.0)
        accepted = reply.ok and any("READY" in line for line in reply.lines)
        if accepted:
            self._pin = pin  # the card is locked again when the modem has lost its power
        tell(PinTried(accepted))
        refused = "the SIM card did not take its PIN; it is not tried again until sms.pin_file is changed"
        return "" if accepted else refused

    def look_around(self) -> Script:
        """Network and signal."""
        reply = yield Command("AT+CREG?", "+CREG:", needed=True)
        if reply.ok and reply.lines:
            self.network = registration(reply.lines[0], asked=True)
        reply = yield Command("AT+CSQ", "+CSQ:", needed=True)
        if reply.ok and reply.lines:
            self.signal_dbm = signal_dbm(reply.lines[0])
