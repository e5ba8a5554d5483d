"""`bocamina formats` turns an MQTT payload into measurements."""

import time
from typing import Annotated, Any

import msgspec
import typer

from bocamina.input_stream import opened
from gateway.domain.errors import ConfigError, FormatError
from gateway.domain.measurement import NamedValue
from gateway.domain.names import expected_one_of
from gateway.formats.naming import node_level
from gateway.formats.session import Aside, Session
from gateway.formats.table import FORMATS, Decode, FormatSpec

NODE_TOPIC = "bocamina/v1/{site}/node/+/senml"
"""Our own nodes' topic (interfaces, MQTT): a `--topic` of this form tells the node."""


class Message(msgspec.Struct):
    """One line of `--lines`."""

    topic: str = ""
    payload: str | None = None
    payload_hex: str | None = None

    def body(self) -> bytes:
        """The payload's bytes; raises FormatError."""
        if (self.payload is None) == (self.payload_hex is None):
            raise FormatError("line", "expected either payload or payload_hex")
        if self.payload is not None:
            return self.payload.encode()
        try:
            return bytes.fromhex(self.payload_hex or "")
        except ValueError as error:
            raise FormatError("line", f"payload_hex: {error}") from error


def formats(
    name: Annotated[str, typer.Argument(metavar="FORMAT", help="Name of the format.", show_default=False)],
    file: Annotated[str, typer.Argument(help="File to read; '-' is standard input.", metavar="[FILE]")] = "-",
    topic: Annotated[str, typer.Option(help="The topic that the payload came on.", show_default=False)] = "",
    lines: Annotated[
        bool, typer.Option("--lines", help='Every line is {"topic", "payload" or "payload_hex"}, one session in order.')
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a payload.")] = False,
    now: Annotated[
        float | None, typer.Option(help="The clock [s since 1970 UTC] for relative times.", show_default=False)
    ] = None,
) -> int:
    """An MQTT payload to measurements. Status 0 if at least one payload was right, else 1."""
    if now is not None and not abs(now) < 1e11:
        raise ConfigError(f"--now {now:g}: expected seconds since 1970")
    decode = _format(name).session()
    right = False
    with opened(file) as stream:
        for number, data in enumerate(stream if lines else [stream.read()]):
            clock = time.time() if now is None else now
            try:
                if lines:
                    message = msgspec.json.decode(data, type=Message)
                    values = _decoded(decode, message.topic or topic, message.body(), clock)
                else:
                    values = _decoded(decode, topic, data, clock)
                right = True
            except (FormatError, msgspec.MsgspecError, RecursionError) as error:
                kind, detail = (error.kind, error.detail) if isinstance(error, FormatError) else ("line", str(error))
                print(_json({"error": kind, "detail": detail}) if as_json else f"{kind}: {detail}")
            else:
                if as_json:
                    print(_json({"readings": [value._asdict() for value in values]}))
                else:
                    _print_rows(values, number if lines else None)
            if isinstance(decode, Session) and not as_json:
                _print_aside(decode.aside())
    return 0 if right else 1


def _format(name: str) -> FormatSpec:
    if name in FORMATS:
        return FORMATS[name]
    raise ConfigError(f"{name!r} is no format; {expected_one_of(name, FORMATS)}")


def _decoded(decode: Decode, topic: str, payload: bytes, now_s: float) -> list[NamedValue]:
    values = decode(topic, payload, now_s)
    levels = topic.split("/")
    ours = len(levels) >= 6 and levels[:2] == ["bocamina", "v1"] and levels[3] == "node"
    node = node_level(NODE_TOPIC, topic) if ours else None
    return values if node is None else [value._replace(node=value.node or node) for value in values]


def _json(document: dict[str, Any]) -> str:
    return msgspec.json.encode(document).decode()


def _print_aside(aside: Aside) -> None:
    for node in aside.lost:
        print(f"{node}: gone, its values are stale")
    for wish in aside.publish:
        print(f"to be sent: {wish.topic} {wish.payload.hex()}")


def _print_rows(values: list[NamedValue], line: int | None) -> None:
    place = "" if line is None else f"{line}: "
    if not values:
        print(f"{place}no measurement")
    for value in values:
        when = "" if value.time is None else f" at {value.time:.3f}"
        shown = "–" if value.value is None else str(value.value)
        print(f"{place}{value.name:<24} {value.quantity or '':<14} {shown:>12} {value.unit or ''}{when}")
