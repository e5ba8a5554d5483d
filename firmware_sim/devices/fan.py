"""A fan's controller."""

from typing import Literal

from firmware_sim.devices.obedience import Obedience, Setpoint


class FanController(Obedience):
    """A fan: 0 to 100 per cent; without a gateway it holds, or goes on or off as the site file declares."""

    def __init__(self, declared: Literal["hold", "on", "off"] = "hold", at_first: float = 0.0) -> None:
        super().__init__(at_first)
        self._declared = declared

    def understands(self, setpoint: object) -> Setpoint | None:
        """A number from 0 to 100."""
        if isinstance(setpoint, bool) or not isinstance(setpoint, int | float) or not 0 <= setpoint <= 100:
            return None
        return float(setpoint)

    def fail_safe(self) -> Setpoint:
        """The declared position."""
        return {"hold": self.setpoint, "on": 100.0, "off": 0.0}[self._declared]
