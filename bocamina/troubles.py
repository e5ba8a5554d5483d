"""What is wrong with the gateway and its links now, one sentence each, for `gateway/status` and health."""

from collections.abc import Iterable
from typing import Final

from alerts.model import Alarm
from bocamina.flow import FlowWatch
from bocamina.sealer import ArchiveState
from gateway.stores.rows import DAMAGED, OVERFLOW, SALVAGED
from gateway.stores.writer import JournalWriter

STALLED_S: Final = 10.0
_LOSSES: Final = frozenset((DAMAGED, OVERFLOW, SALVAGED))


class Troubles:
    """down: link → why it is down, told by `note`."""

    def __init__(self, flow: FlowWatch) -> None:
        self._flow = flow
        self.down: dict[str, str] = {}

    def note(self, link: str, up: bool, detail: str) -> None:
        """A link came or went."""
        if up:
            self.down.pop(link, None)
        else:
            self.down[link] = detail

    def sentences(self, writer: JournalWriter, archive: ArchiveState, alarms: Iterable[Alarm]) -> list[str]:
        """All of them; none when everything works. alarms: those that stand; what was lost stays until a reset."""
        found = [f"{link}: {detail}" for link, detail in self.down.items()]
        found += [
            f"{source}: no valid reading for {seconds} s"
            for source, seconds in self._flow.silent_s.items() if source not in self.down
        ]  # fmt: skip
        if writer.failure:
            found.append(f"journal: {writer.failure}")
        elif writer.stalled_s > STALLED_S:
            found.append(f"journal: a commit has been waiting for {writer.stalled_s:.0f} s")
        found += [f"journal: {alarm.reason}" for alarm in alarms if alarm.condition in _LOSSES]
        if not writer.alive:
            found.append("journal: its writer has ended")
        if archive.trouble:
            found.append(f"archive: {archive.trouble}")
        return found
