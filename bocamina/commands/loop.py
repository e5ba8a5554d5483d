"""`bocamina loop`: what a 4–20 mA current says, by the transmitter's profile."""

import json
import math
from typing import Annotated

import typer

from gateway.domain.errors import ConfigError


def loop(
    milliampere: Annotated[float, typer.Argument(help="The loop's current [mA].", show_default=False)],
    profile: Annotated[str, typer.Option(metavar="NAME", help="The transmitter; namur-ne43 if it has no own profile.")],
    zero: Annotated[float, typer.Option(help="Value at 4 mA.")],
    span: Annotated[float, typer.Option(help="Value at 20 mA less the value at 4 mA.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """A loop current to a value with quality and reason; a status current has no value."""
    from gateway.conditioning.current_loop import profile_named, read_loop

    for name, number in (("MILLIAMPERE", milliampere), ("--zero", zero), ("--span", span)):
        if not math.isfinite(number):
            raise ConfigError(f"{name} {number:g}: expected a finite number")
    if span == 0:
        raise ConfigError("--span 0: expected the width of the range, which is not zero")
    reading = read_loop(profile_named(profile), milliampere, zero, span)
    if as_json:
        print(
            json.dumps({"value": reading.value, "quality": reading.quality.word, "reason": reading.reason.word})
        )
        return
    value = "–" if reading.value is None else f"{reading.value:.6g}"
    print(f"{value} {reading.quality.word}" + (f" ({reading.reason.word})" if reading.reason else ""))
