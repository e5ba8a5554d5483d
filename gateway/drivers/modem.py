"""A GSM modem by AT commands: start, send, receive, and a watch over a modem that hangs. Pure: time is an argument.

Bytes of the port go in by `advance`, bytes for it and events come out. Long work is a script: a generator that yields
one command and is given its reply. Source: 3GPP TS 27.005, 27.007; sensor protocols, section 13.
"""

from collections import deque
from typing import Final, NamedTuple

from gateway.domain.errors import FormatError
from gateway.domain.moment import SECOND_US
from gateway.drivers.modem_events import Event, Output, PowerNeeded, Received, Sent, State
from gateway.drivers.modem_line import Command, ModemLine
from gateway.drivers.modem_replies import Cure, numbers, registration
from gateway.drivers.modem_reports import Reports
from gateway.drivers.modem_start import ModemStart, Script
from gateway.formats import gsm7
from gateway.formats.sms_parts import Joiner
from gateway.formats.sms_pdu import GSM7_WHOLE, Deliver, Submit, decode, encode

BAUD: Final = 115_200
WATCH_US: Final = 60 * SECOND_US
"""A modem that nobody needed for this long is asked whether it lives."""
RESTART_US: Final = 30 * SECOND_US
"""What a modem takes to come back after `AT+CFUN=1,1`; also the pause before a start that failed is tried again."""
HUNG_AFTER: Final = 3
"""Answers in a row that did not come."""
RESTARTS: Final = 2
"""Restarts by command before its power must be cut."""
PATIENCE_US: Final = 120 * SECOND_US
"""How long a message waits for a modem that cannot send now; the caller tries again."""
MOST_WAITING: Final = 100


class _Message(NamedTuple):
    ident: str
    number: str
    text: str
    since_us: int


class Modem:
    """One modem. `pin` is given to its card once, if the card asks."""

    def __init__(self, pin: str | None = None) -> None:
        self._start = ModemStart(pin)
        self._line = ModemLine()
        self._joiner = Joiner()
        self._events: list[Event] = []
        self._queue: deque[_Message] = deque()
        self._reports = Reports()
        self._to_fetch: deque[int] = deque()
        self._script: Script | None = None
        self._sending: _Message | None = None
        self._open = self._ready = False
        self._told: State | None = None
        self._next_us = self._silences = self._restarts = self._reference = 0
        self._why = "the modem has not answered yet"

    @property
    def ready(self) -> bool:
        """It can send."""
        return self._ready

    @property
    def network(self) -> int | None:
        """Its registration (27.007, 7.2), None while it is not known."""
        return self._start.network

    @property
    def signal_dbm(self) -> int | None:
        """How strong it hears the mast [dBm], None while it is not known."""
        return self._start.signal_dbm

    # --- What happens to it ------------------------------------------------------------------------------------------

    def opened(self, now_us: int) -> None:
        """The port is open: begin from the start."""
        self._line.drop()
        self._open, self._ready, self._script, self._silences, self._next_us = True, False, None, 0, now_us

    def lost(self, now_us: int, why: str) -> None:
        """The port is gone; what was being sent is not sent."""
        self._line.drop()
        self._open, self._script, self._next_us = False, None, now_us
        self._fail_sending(why)
        self._down(why)

    def send(self, now_us: int, ident: str, number: str, text: str) -> None:
        """Take a message; `Sent` tells of it, once."""
        try:
            encode(text, number, reference=0)
        except FormatError as error:
            self._events.append(Sent(ident, ok=False, detail=error.detail))
            return
        if len(self._queue) >= MOST_WAITING:
            self._events.append(Sent(ident, ok=False, detail=f"{MOST_WAITING} messages are waiting already"))
            return
        self._queue.append(_Message(ident, number, text, now_us))

    def advance(self, now_us: int, data: bytes = b"") -> Output:
        """Take bytes and the time; at least once a second. What is to be done now."""
        if data:
            self._line.hear(now_us, data)
        self._line.look(now_us)
        self._heed(now_us)
        for _ in range(8):  # an answer may lead to the next command at once, and some end without one
            if self._line.busy or not self._turn(now_us):
                break
        while self._queue and now_us - self._queue[0].since_us >= PATIENCE_US:
            self._events.append(Sent(self._queue.popleft().ident, ok=False, detail=self._why))
        self._events += [Received(message) for message in self._joiner.overdue(now_us)]
        output = Output(tuple(self._events), self._line.write if self._open else b"")
        self._events, self._line.write = [], b""
        return output

    # --- One thing after the other -----------------------------------------------------------------------------------

    def _turn(self, now_us: int) -> bool:
        """Go on with the script, or begin the next one; False when there is nothing to do."""
        if not self._open:
            return False
        reply, self._line.reply = self._line.reply, None
        if reply is not None:
            self._silences = self._silences + 1 if reply.timed_out else 0
            if self._silences >= HUNG_AFTER:
                self._hung(now_us)
                return False
        if self._script is None:
            self._script = self._next_script(now_us)
            if self._script is None:
                return False
            reply = None
        try:
            command = next(self._script) if reply is None else self._script.send(reply)
        except StopIteration:
            self._script = None
            self._next_us = now_us + (WATCH_US if self._ready else RESTART_US)
            return True
        self._line.ask(now_us, command)
        return False

    def _next_script(self, now_us: int) -> Script | None:
        if not self._ready:
            if now_us < self._next_us:
                return None
            self._line.abort()  # whoever was here before may have left it in a prompt
            return self._begin(now_us)
        if self._to_fetch:
            return self._fetch(now_us, self._to_fetch.popleft())
        if self._queue:
            return self._send(self._queue.popleft())
        return self._watch() if now_us >= self._next_us else None

    def _hung(self, now_us: int) -> None:
        self._script, self._silences = None, 0
        self._fail_sending("the modem does not answer")
        self._restarts += 1
        self._down("the modem does not answer")
        if self._restarts > RESTARTS:
            self._events.append(PowerNeeded())
        self._line.abort()
        self._line.write += b"AT+CFUN=1,1\r"
        self._next_us = now_us + RESTART_US

    def _heed(self, now_us: int) -> None:
        """What came without being asked for."""
        while self._line.unsolicited:
            line = self._line.unsolicited.pop(0)
            head, _, body = line.partition("\n")
            if head.startswith(("+CMTI:", "+CDSI:")) and (places := numbers(head)):
                if places[-1] not in self._to_fetch and len(self._to_fetch) < MOST_WAITING:
                    self._to_fetch.append(places[-1])
            elif head.startswith("+CREG:"):
                self._start.network = registration(head, asked=False)
            elif body:
                self._read(now_us, body, _last_number(head))

    # --- Scripts -----------------------------------------------------------------------------------------------------

    def _begin(self, now_us: int) -> Script:
        """From the first `AT` to a modem that can send."""
        trouble = yield from self._start.script(self._take)
        if trouble:
            self._down(trouble)
            return
        self._ready, self._restarts = True, 0
        self._tell(State(up=True, detail="the modem is ready"))
        if not self._start.text_mode:
            yield from self._fetch_all(now_us)

    def _take(self, event: Event) -> None:
        self._events.append(event)

    def _watch(self) -> Script:
        yield Command("AT")
        reply = yield from self._start.settle()
        if not reply.ok and reply.cure is Cure.CONFIGURE:
            self._ready = False  # it had no power, and its card asks for the PIN: from the start
            return
        yield from self._start.look_around()

    def _send(self, message: _Message) -> Script:
        self._sending = message
        self._reference = self._reference % 255 + 1
        pdus: list[Submit | None] = [None]
        if not self._start.text_mode:
            pdus = [*encode(message.text, message.number, reference=self._reference)]
        reply = yield self._start.mode()
        for part in pdus if reply.ok else []:
            reply = yield self._submit(message, part)
            if reply.cure is Cure.MAKE_ROOM and not reply.ok:
                yield Command("AT+CMGD=1,1", timeout_s=25.0)  # all that was read
                reply = yield self._submit(message, part)
            if not reply.ok:
                break
            if reply.lines and (told := numbers(reply.lines[0])):
                self._reports.expect(message.ident, told[0])
        if not reply.ok and reply.cure is Cure.CONFIGURE:
            self._ready = False  # the card may be gone, or locked: look at it again from the start
        if self._sending is not None:
            detail = "" if reply.ok else f"{reply.error}: {reply.cure.value}"
            self._events.append(Sent(message.ident, reply.ok, detail))
        self._sending = None

    def _submit(self, message: _Message, part: Submit | None) -> Command:
        if part is None:
            return Command(f'AT+CMGS="{message.number}"', "+CMGS:", needed=True, body=_plain(message.text))
        return Command(f"AT+CMGS={part.length}", "+CMGS:", needed=True, body=part.pdu.encode())

    def _fetch(self, now_us: int, place: int) -> Script:
        """Read a message, then delete it: the SIM card holds few, and a full one takes no more."""
        reply = yield Command(f"AT+CMGR={place}", "+CMGR:", needed=True, with_body=True)
        self._read_all(now_us, reply.lines)
        if reply.ok:
            yield Command(f"AT+CMGD={place}", timeout_s=25.0)

    def _fetch_all(self, now_us: int) -> Script:
        """What came while nobody was here."""
        reply = yield Command("AT+CMGL=4", "+CMGL:", with_body=True, timeout_s=20.0)
        self._read_all(now_us, reply.lines)
        for line in reply.lines[::2]:
            if reply.ok and (place := numbers(line)):
                yield Command(f"AT+CMGD={place[0]}", timeout_s=25.0)

    # --- Messages ----------------------------------------------------------------------------------------------------

    def _read_all(self, now_us: int, lines: tuple[str, ...]) -> None:
        for head, pdu in zip(lines[::2], lines[1::2], strict=False):
            self._read(now_us, pdu, _last_number(head))

    def _read(self, now_us: int, pdu: str, length: int | None) -> None:
        try:
            found = decode(pdu, length)
        except FormatError:
            self._line.strays += 1
            return
        if isinstance(found, Deliver):
            self._events += [Received(message) for message in self._joiner.add(now_us, found)]
        elif (news := self._reports.heard(found)) is not None:
            self._events.append(news)

    def _fail_sending(self, why: str) -> None:
        if self._sending is not None:
            self._events.append(Sent(self._sending.ident, ok=False, detail=why))
            self._sending = None

    # --- What is told of it ------------------------------------------------------------------------------------------

    def _down(self, why: str) -> None:
        self._ready, self._why = False, why
        self._tell(State(up=False, detail=why))

    def _tell(self, state: State) -> None:
        if state != self._told:
            self._told = state
            self._events.append(state)


def _last_number(line: str) -> int | None:
    """The length of a PDU is the last number of the line before it."""
    found = numbers(line)
    return found[-1] if found else None


def _plain(text: str) -> bytes:
    """A text for text mode: one message of basic letters; Ξ would end it there, and an extension abort it."""
    letters = ("?" if letter == "Ξ" else letter for letter in text[:GSM7_WHOLE])
    found = (gsm7.septets_of(letter) for letter in letters)
    return bytes(one[0][0] if one is not None and len(one[0]) == 1 else ord("?") for one in found)
