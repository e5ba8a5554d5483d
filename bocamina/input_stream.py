"""The FILE argument of commands that read a stream: a path, or standard input."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from gateway.domain.errors import ConfigError


@contextmanager
def opened(file: str) -> Iterator[BinaryIO]:
    """The bytes of `file`, or of standard input for `-`. Raises ConfigError with the path when it cannot be opened."""
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = Path(file).open("rb")  # noqa: SIM115  only the opening may fail as ConfigError, not its use
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}, expected a readable file") from error
    with stream:
        yield stream
