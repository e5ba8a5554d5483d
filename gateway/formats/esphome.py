"""ESPHome over MQTT: one number a topic, and the node's `status`. Pure.

Source: ESPHome documentation, "MQTT client component" (topic prefix, birth and will message) and "Sensor component".
"""

from gateway.domain.errors import FormatError
from gateway.domain.measurement import NamedValue
from gateway.formats.json_tree import named, number_of
from gateway.formats.naming import quantity_of
from gateway.formats.session import Aside

LONGEST = 255
"""[bytes] Longest state that is taken; a number needs 24."""


class EspHome:
    """A decoder with asides: `<prefix>/status` says that a node is gone."""

    def __init__(self) -> None:
        self._lost: tuple[str, ...] = ()

    def aside(self) -> Aside:
        """Who is gone."""
        lost, self._lost = self._lost, ()
        return Aside(lost=lost)

    def __call__(self, topic: str, payload: bytes, now_s: float) -> list[NamedValue]:
        """The value of `<prefix>/sensor/<object_id>/state`, other components' as sent; none of any other topic.

        node: the prefix. name: the object id; a number without a unit, which the site file must know: it counts as the
        canonical one. `nan` is no value. No time: that of arrival. Raises FormatError `topic`, `text`, `number`.
        """
        del now_s
        self._lost = ()
        levels = topic.split("/")
        if len(levels) < 2:
            raise FormatError("topic", f"{topic!r}, expected <prefix>/sensor/<object id>/state")
        if levels[-1] == "status":
            if payload.strip().lower() == b"offline":
                self._lost = ("/".join(levels[:-1]),)
            return []
        if len(levels) < 4 or levels[-1] != "state":
            return []
        prefix, component, name = "/".join(levels[:-3]), levels[-3], levels[-2]
        if len(payload) > LONGEST:
            raise FormatError("text", f"{len(payload)} bytes, expected a number")
        try:
            text = payload.decode().strip()
        except UnicodeDecodeError as error:
            raise FormatError("text", f"byte {error.start} is not UTF-8, expected a number as text") from error
        if component == "binary_sensor" and text in ("ON", "OFF"):
            return [named(prefix, name, quantity_of(name), text == "ON")]
        if component != "sensor":
            return [NamedValue(prefix, name, None, text, None, None)]
        try:
            value = number_of(text)
        except ValueError as error:
            raise FormatError("number", f"{error}, expected a number or nan") from error
        return [named(prefix, name, quantity_of(name), value)]
