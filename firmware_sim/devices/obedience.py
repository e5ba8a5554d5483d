"""What fans, sirens and beacons share: they do the last command they heard, and know their place when nobody commands.

Source: interfaces, Commands: expiry counts from receipt; no `gateway/status` for 30 s, or `offline`: fail-safe.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final

GATEWAY_LOST_S: Final = 30.0
Setpoint = float | str


class Obedience(ABC):
    """Pure: times are seconds since power-on. Subclasses say what is a setpoint and where they stand without a word."""

    def __init__(self, at_first: Setpoint) -> None:
        self.setpoint = at_first
        self.command_id: str | None = None
        self.in_fail_safe = False
        self._before_test = at_first
        self._test_until_s: float | None = None
        self._gateway_s = 0.0

    @abstractmethod
    def understands(self, setpoint: object) -> Setpoint | None:
        """The setpoint of a command, None when it is none of this device's."""

    @abstractmethod
    def fail_safe(self) -> Setpoint:
        """Where the device goes when the gateway is lost."""

    def obey(self, received_s: float, now_s: float, command: Mapping[str, Any]) -> bool:
        """Carry out a command heard at `received_s`, unless it waited too long or makes no sense."""
        wanted = self.understands(command.get("setpoint"))
        lasts_s, ident = command.get("expires_in_s"), command.get("id")
        if wanted is None or not isinstance(ident, str) or not isinstance(lasts_s, int | float):
            return False
        if now_s - received_s > lasts_s:
            return False
        if wanted == "test":
            self._before_test = self._before_test if self.setpoint == "test" else self.setpoint
            self._test_until_s = received_s + lasts_s
        else:
            self._test_until_s = None
        self.setpoint, self.command_id, self.in_fail_safe = wanted, ident, False
        return True

    def gateway_said(self, now_s: float, state: object) -> None:
        """A `gateway/status`. Its last will means at once what 30 s of silence mean."""
        if state == "offline":
            self._gateway_s = now_s - GATEWAY_LOST_S
            self.tick(now_s)
        else:
            self._gateway_s = now_s
            self.in_fail_safe = False

    def tick(self, now_s: float) -> None:
        """Time passes: a test ends by itself, a wanted alarm never does; a lost gateway means fail-safe."""
        if self._test_until_s is not None and now_s > self._test_until_s:
            self.setpoint, self._test_until_s = self._before_test, None
        if now_s - self._gateway_s >= GATEWAY_LOST_S and not self.in_fail_safe:
            self.setpoint, self._test_until_s, self.in_fail_safe = self.fail_safe(), None, True
