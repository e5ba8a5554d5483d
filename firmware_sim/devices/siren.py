"""The controller of a siren or a beacon."""

from typing import Final

from firmware_sim.devices.obedience import Obedience, Setpoint

LEVELS: Final = ("off", "warn", "evacuate", "all_clear", "test")


class SirenController(Obedience):
    """A siren or beacon: one word; without a gateway it shows amber, never `evacuate`, never `off`."""

    def __init__(self) -> None:
        super().__init__("off")

    def understands(self, setpoint: object) -> Setpoint | None:
        """One of `LEVELS`."""
        return setpoint if isinstance(setpoint, str) and setpoint in LEVELS else None

    def fail_safe(self) -> Setpoint:
        """Amber."""
        return "warn"
