"""The gateway's modem: its port, the card's PIN and the record that it was tried."""

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from alerts.notify.sms_channel import SmsChannel
from gateway.domain.errors import ConfigError
from gateway.domain.site import Sms
from gateway.drivers.modem import BAUD, Modem
from gateway.transports.port import Line
from gateway.transports.serial_port import SerialSource

log = logging.getLogger(__name__)

SOURCE: Final = "sms"
"""The link's name: `gateway.sms_lost` when nobody can be told by message."""
SILENCE_S: Final = 300.0
"""A modem answers at least once a minute (`modem.WATCH_US`); after this its port is opened anew [D]."""
RECORD: Final = "sms-pin-tried"


def open_modem(
    sms: Sms, folder: Path, on_state: Callable[[bool, str], None]
) -> tuple[SmsChannel, SerialSource]:
    """The channel and its port, not started. folder: of the gateway's data. Raises ConfigError for the PIN's file."""
    record = folder / RECORD
    pin = None if sms.pin_file is None else _pin(Path(sms.pin_file), record)

    def on_pin(accepted: bool | None) -> None:
        if accepted is None:
            _keep(record, _fingerprint(Path(sms.pin_file or "")))
        elif accepted:
            with suppress(OSError):
                record.unlink()

    port = SerialSource(
        SOURCE, sms.port, Line(sms.baud or BAUD), silence_s=SILENCE_S,
        on_bytes=lambda _source, data, _ns: channel.heard(data),
        on_link=lambda _source, up, detail: channel.link(up, detail),
    )  # fmt: skip
    channel = SmsChannel(Modem(pin), port.write, on_pin=on_pin, on_state=on_state)
    return channel, port


def _pin(file: Path, record: Path) -> str | None:
    """The PIN; None if this very file was tried before and the card did not take it: three tries lock the card."""
    try:
        pin = file.read_text(encoding="ascii").strip()
        tried = record.read_text(encoding="ascii") if record.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"sms.pin_file: {file} cannot be read ({error}); expected the SIM card's PIN") from error
    if not (pin.isdecimal() and 4 <= len(pin) <= 8):
        raise ConfigError(f"sms.pin_file: {file} holds no PIN; expected 4 to 8 digits")
    if tried == _fingerprint(file):
        log.error("sms: the PIN in %s was tried and not accepted; it is not tried again until the file changes", file)
        return None
    return pin


def _fingerprint(file: Path) -> str:
    """Tells one writing of the file from the next without saying what stands in it."""
    found = file.stat()
    return f"{found.st_mtime_ns} {found.st_ino}"


def _keep(record: Path, text: str) -> None:
    """On disk before the card hears of it. Raises OSError."""
    with record.open("w", encoding="ascii") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
