"""`bocamina scan PORT`: the Modbus devices of an RS-485 line, and what to write into the site file."""

import errno
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from gateway.domain.errors import ConfigError, OperationFailed
from gateway.domain.quantities import QUANTITIES
from gateway.drivers.modbus_catalogue import register_map, register_maps
from gateway.drivers.modbus_frame import UNITS
from gateway.transports.modbus_scan import Found, longest_s
from gateway.transports.modbus_scan import scan as scan_port
from gateway.transports.port import BY_ID, Line, path_of

_PARITIES: Final = ("N", "E", "O")
_OF_AIR: Final = (None, "ppm", "%vol", "%LEL", "mg/m3", "ug/m3")
"""Units of channels that are worth a sensor though the device does not tell what it measures; None: it tells none."""


def scan(
    port: Annotated[str, typer.Argument(metavar="PORT", help="The serial port; stop the gateway first.")],
    addresses: Annotated[str, typer.Option(metavar="A-B", help="Addresses to ask.")] = "1-247",
    baud: Annotated[int | None, typer.Option(help="Only this rate; default: those of the known devices.")] = None,
    parity: Annotated[str | None, typer.Option(metavar="N|E|O", help="Only this parity.")] = None,
    only: Annotated[list[str] | None, typer.Option("--map", metavar="NAME", help="Try only these maps.")] = None,
    timeout: Annotated[float, typer.Option(metavar="S", help="Wait for an answer.")] = 0.1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a device.")] = False,
) -> int:
    """Find the devices of an RS-485 line and suggest their entries. It only reads. Status 1 if nobody answered."""
    maps = {name: register_map(name) for name in only} if only else dict(register_maps())
    units = _units(addresses)
    if not 0.01 <= timeout <= 5:
        raise ConfigError(f"--timeout {timeout:g}: expected 0.01 to 5 s")
    if parity is not None and parity not in _PARITIES:
        raise ConfigError(f"--parity {parity}: expected one of {', '.join(_PARITIES)}")
    if baud is not None and baud <= 0:
        raise ConfigError(f"--baud {baud}: expected more than 0")
    usual = Counter(Line(device.baud, device.parity, device.stop_bits) for device in maps.values())
    lines = list(
        dict.fromkeys(
            Line(baud or line.baud, parity or line.parity, line.stop_bits) for line, _ in usual.most_common()
        )
    )
    anybody = False
    with _no_port_is_wrong_use(port), _Progress(len(lines) * len(units), longest_s(lines, units, timeout)) as progress:
        for device in scan_port(port, lines, units, maps, timeout_s=timeout, on_progress=progress.step):
            anybody = anybody or not device.is_garbled
            progress.write(json.dumps(_document(device)) if as_json else _entry(port, device))
    if not anybody:
        tried = ", ".join(f"{line.baud} 8{line.parity}{line.stop_bits}" for line in lines)
        sys.stderr.write(f"{port}: no device answers at {addresses} ({tried}); expected one: check A and B, power\n")
    return 0 if anybody else 1


@contextmanager
def _no_port_is_wrong_use(port: str) -> Iterator[None]:
    """What is not there, or is no serial port, is the wrong name; a port that is there and fails is not."""
    here = Path(port)
    if here.exists() and not Path(path_of(port)).exists():
        what = "folder" if here.is_dir() else "file"
        raise ConfigError(
            f"serial port {port}: is a {what} here and no name in {BY_ID}; expected a name there or a path with a /"
        )
    try:
        yield
    except OperationFailed as failed:
        cause = failed.__cause__
        numbers = {one.args[0] for one in (cause, cause and cause.__context__) if one is not None and one.args}
        if numbers & {errno.ENOENT, errno.EISDIR, errno.ENOTTY}:
            raise ConfigError(str(failed)) from failed
        raise


def _units(text: str) -> Sequence[int]:
    first, _, last = text.partition("-")
    if not first.isdecimal() or not (last or first).isdecimal() or int(first) > int(last or first):
        raise ConfigError(f"--addresses {text}: expected one or a range, as in 1-16")
    units = range(int(first), int(last or first) + 1)
    if units[0] not in UNITS or units[-1] not in UNITS:
        raise ConfigError(f"--addresses {text}: expected 1 to 247")
    return units


def _document(device: Found) -> dict[str, Any]:
    return {
        "address": device.unit, "baud": device.line.baud, "parity": device.line.parity,
        "identified": device.is_identified, "garbled": device.is_garbled, "maps": list(device.maps),
    }  # fmt: skip


def _entry(port: str, device: Found) -> str:
    setting = f"{device.line.baud} 8{device.line.parity}{device.line.stop_bits}"
    if device.is_garbled:
        return f"# address {device.unit} at {setting}: an answer that cannot be read (two devices? another setting?)\n"
    if not device.maps:
        return f"# address {device.unit} at {setting}: answers, but no known map reads it; see docs/sensors/modbus.md\n"
    name, values = next(iter(device.maps.items()))
    what = register_map(name).title
    others = ", ".join(list(device.maps)[1:])
    rows = [f"# address {device.unit} at {setting}: {what}" + (", by its own word" if device.is_identified else "")]
    if not device.is_identified:
        rows.append("# it does not name itself: try with a value that you know" + (f"; or {others}" if others else ""))
    usual = register_map(name)
    rows += ["[[sources]]", f'id = "modbus-{device.unit}"', 'kind = "modbus"', f"port = {json.dumps(port)}",
             f'map = "{name}"', f"address = {device.unit}"]  # fmt: skip
    rows += [f"baud = {device.line.baud}"] if device.line.baud != usual.baud else []
    rows += [f'parity = "{device.line.parity}"'] if device.line.parity != usual.parity else []
    for value in values:
        if value.quantity not in QUANTITIES and value.unit not in _OF_AIR:
            continue
        now = "no value" if value.value is None else f"{value.value:.6g} {value.unit or ''}".strip()
        quantity = f'"{value.quantity}"' if value.quantity in QUANTITIES else '"…"  # what it measures'
        ident = f"{value.quantity.replace('_', '-')}-{device.unit}"
        rows += ["", f"[[sensors]]  # {now} now, {value.quality.word}", f'id = "{ident}"', 'zone = "…"',
                 f"quantity = {quantity}", f'source = "modbus-{device.unit}"',
                 f'channel = "{value.quantity}"']  # fmt: skip
    return "\n".join(rows) + "\n"


class _Progress:
    """A bar on a terminal, nothing in a pipe; what is found goes to standard output above it."""

    def __init__(self, total: int, longest: float) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task(f"at most {longest:.0f} s", total=total)

    def __enter__(self) -> "_Progress":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def step(self, line: Line, unit: int) -> None:
        """One address of one setting is asked now."""
        setting = f"{line.baud} 8{line.parity}{line.stop_bits}"
        self._bar.update(self._task, advance=1, description=f"{setting} address {unit}")

    def write(self, text: str) -> None:
        """A line of the result."""
        print(text, flush=True)
