"""One command after the other over a modem's line: echo, prompts, unsolicited lines, deadlines. Pure; knows no SMS.

Source: 3GPP TS 27.007 (5), 27.005 (3.5.1, the prompt); sensor protocols, section 13.
"""

from dataclasses import dataclass
from typing import Final

from gateway.domain.moment import SECOND_US
from gateway.drivers.modem_replies import UNSOLICITED, Cure, Reply, final

ANSWER_S: Final = 5.0
PROMPT_S: Final = 10.0
SEND_S: Final = 60.0
"""[s] Sending "can take 60 s"."""
GRACE_S: Final = 0.5
"""[s] After its line some modems never say OK."""
LONGEST_LINE: Final = 1024
"""Bytes of a line; a modem's longest is a PDU of 352 characters. What is longer is noise, counted and dropped."""
MOST_LINES: Final = 600
"""Lines of one answer: a full SIM lists two for each of its 250 messages."""
_END_OF_TEXT: Final = b"\x1a"
_ABORT: Final = b"\x1b"


@dataclass(frozen=True, slots=True)
class Command:
    """What is asked. answer: the word that begins the lines of its answer, empty if there are none.

    needed: OK counts only after such a line (an OK that comes late belongs to the command before). body: what is given
    at the prompt. with_body: the line after each line of the answer belongs to it (a PDU).
    """

    text: str
    answer: str = ""
    needed: bool = False
    body: bytes = b""
    with_body: bool = False
    timeout_s: float = ANSWER_S


class ModemLine:
    """`hear` bytes and `look` at the time; `reply` is the end of the command that was asked."""

    def __init__(self) -> None:
        self._buffer = b""
        self._asked: Command | None = None
        self._lines: list[str] = []
        self._until_us = 0
        self._grace_us: int | None = None
        self._prompted = False
        self._body_of: str | None = None
        self.write = b""
        self.reply: Reply | None = None
        self.unsolicited: list[str] = []
        self.strays = 0

    def drop(self) -> None:
        """The port was closed or opened: nothing of before counts."""
        strays = self.strays
        self.__init__()  # type: ignore[misc]
        self.strays = strays

    @property
    def busy(self) -> bool:
        """A command has not ended yet."""
        return self._asked is not None

    def ask(self, now_us: int, command: Command) -> None:
        """Send it; the one before has ended."""
        self._asked, self._lines, self._grace_us, self._prompted = command, [], None, False
        self._until_us = now_us + round((PROMPT_S if command.body else command.timeout_s) * SECOND_US)
        self.write += command.text.encode("ascii") + b"\r"

    def abort(self) -> None:
        """Leave a prompt in which nobody knows what stands."""
        self.write += _ABORT + b"\r"

    def hear(self, now_us: int, data: bytes) -> None:
        """Bytes of the modem, cut anywhere."""
        self._buffer += data
        *lines, self._buffer = self._buffer.replace(b"\n", b"\r").split(b"\r")
        if len(self._buffer) > LONGEST_LINE:
            self._buffer = b""
            self.strays += 1
        for raw in lines:
            line = raw.decode("latin-1").strip("\0\x1a ")
            if line:
                self._take(now_us, line)
        asked = self._asked
        if asked is not None and asked.body and not self._prompted and self._buffer.lstrip().startswith(b">"):
            self._buffer, self._prompted = b"", True
            self._until_us = now_us + round(SEND_S * SECOND_US)
            self.write += asked.body + _END_OF_TEXT

    def look(self, now_us: int) -> None:
        """End what has waited for too long."""
        if self._asked is None:
            return
        if self._grace_us is not None and now_us >= self._grace_us:
            self._end(Reply(ok=True))
        elif now_us >= self._until_us:
            if self._asked.body:
                self.abort()
            self._end(Reply(ok=False, error=f"no answer to {self._asked.text[:20]}", timed_out=True))

    def _take(self, now_us: int, line: str) -> None:
        asked = self._asked
        if self._body_of is not None and not line.startswith(("+", "^", "OK")):
            self.unsolicited.append(f"{self._body_of}\n{line}")
            self._body_of = None
            return
        if asked is not None:
            if line in (asked.text, asked.body.decode("latin-1")):
                return  # the echo is on
            end = final(line)
            if end is not None:
                if not (end.ok and asked.needed and not self._lines):
                    self._end(end)
                return
            if asked.answer and line.startswith(asked.answer):
                self._lines.append(line)
                if asked.needed and not asked.with_body:
                    self._grace_us = now_us + round(GRACE_S * SECOND_US)
                return
        if line.startswith(("+CDS:", "+CMT:")):
            self._body_of = line
        elif line.startswith(UNSOLICITED):
            self.unsolicited.append(line)
        elif asked is not None and asked.with_body and len(self._lines) % 2 and not line.startswith(("+", "^")):
            self._lines.append(line)
        else:
            self.strays += 1
        if len(self._lines) > MOST_LINES:
            self._end(Reply(ok=False, error="an answer without end", cure=Cure.RETRY))

    def _end(self, reply: Reply) -> None:
        self.reply = reply._replace(lines=tuple(self._lines))
        self._asked, self._grace_us = None, None
