"""The frame of the command line: finds the command, runs it, turns every error into one clear sentence.

Each command is the function of the same name in `bocamina/commands/<name>.py`, with typer's annotations, and is
imported when it is called: `bocamina --version` must not wait for numba. A command returns None or an exit status.
"""

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from keyword import iskeyword
from pathlib import Path
from typing import Any, Final

from gateway.domain.errors import BocaminaError, ConfigError, FormatError, FrameError
from gateway.domain.names import expected_one_of

COMMANDS: Final = {
    "check": "validate a site file: every problem on its own line",
    "run": "the gateway process",
    "api": "the web process",
    "demo": "everything on loopback, with a simulated mine",
    "sim": "the simulated mine alone, on pseudo-terminals and MQTT",
    "scenario": "a scenario through the real engine in virtual time",
    "decode": "bytes of a serial device to measurements",
    "scan": "the Modbus devices of a serial port, with entries for the site file",
    "formats": "an MQTT payload to measurements",
    "loop": "a 4–20 mA current to a value",
    "exposure": "exposure of a record against limits",
    "statistics": "compliance statistics of a set of shift results",
    "convert": "ppm, mg/m3 and %vol into one another",
    "limits": "the limit tables with their sources",
    "replay": "a record through the real engine in virtual time",
    "recompute": "the archive judged again by other limits",
    "seal": "days that are over into the archive; the gateway does it by itself",
    "sync": "what a folder (a USB stick) does not have yet of every site's history, into it",
    "import": "what such a folder brings, into the history of this machine",
    "export": "extracts of the history, also while the gateway runs",
    "manual": "a portable instrument's reading, one line of text",
    "user": "add or change a log-in of the dashboard",
}

OK: Final = 0
FAILED: Final = 1
WRONG_USE: Final = 2
INTERRUPTED: Final = 130


def commands() -> dict[str, str]:
    """The commands that this installation has, with one line of help each."""
    folder = Path(__file__).with_name("commands")
    return {name: text for name, text in COMMANDS.items() if (folder / f"{_module(name)}.py").is_file()}


def _module(name: str) -> str:
    """The name of a command's module and function: `import` is a word of Python's own."""
    return f"{name}_" if iskeyword(name) else name


def run(arguments: Sequence[str]) -> int:
    """Run one command line; the exit status: 0, 1 a failed operation, 2 wrong use or input, 130 interrupted."""
    try:
        status = _dispatch(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        status = INTERRUPTED
    except BrokenPipeError:
        # the reader has gone (`| head`): no word about it, and none from the interpreter's last flush
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = FAILED
    return status


def _dispatch(arguments: Sequence[str]) -> int:
    first = arguments[0] if arguments else ""
    if first in ("", "-h", "--help"):
        (sys.stdout if first else sys.stderr).write(_help())
        return OK if first else WRONG_USE
    if first == "--version":
        from importlib.metadata import version

        sys.stdout.write(f"bocamina {version('bocamina')}\n")
        return OK
    if first not in commands():
        what = "option" if first.startswith("-") else "command"
        return _say(f"{first!r} is no {what} of bocamina; {expected_one_of(first, commands(), most=20)}", WRONG_USE)
    function = getattr(import_module(f"bocamina.commands.{_module(first)}"), _module(first))
    return call(function, arguments[1:], f"bocamina {first}")


def call(function: Callable[..., Any], arguments: Sequence[str], name: str) -> int:
    """Run one command function on its arguments; the exit status. Sentences go to standard error."""
    import typer

    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(function)
    try:
        status = typer.main.get_command(app).main(list(arguments), prog_name=name, standalone_mode=False)
    except typer.Abort:
        return INTERRUPTED
    except (KeyboardInterrupt, BrokenPipeError):
        raise
    except ConfigError as error:
        return _say("\n".join(error.problems), WRONG_USE)
    except (FormatError, FrameError) as error:
        return _say(str(error), WRONG_USE)
    except BocaminaError as error:
        return _say(str(error), FAILED)
    except OSError as error:
        return _say(f"{error.filename or name}: {error.strerror or error}", FAILED)
    except Exception as error:
        if hasattr(error, "format_message"):  # a usage error of typer, whose classes are private to it
            return _say(f"{error.format_message().rstrip('.')}; see '{name} --help'", WRONG_USE)
        if os.environ.get("BOCAMINA_TRACEBACK"):
            raise
        return _say(
            f"{name}: a fault in bocamina itself: {type(error).__name__}: {error}; "
            "BOCAMINA_TRACEBACK=1 shows where, please report it", FAILED,
        )  # fmt: skip
    return status if isinstance(status, int) else OK


def _say(sentence: str, status: int) -> int:
    sys.stderr.write(f"{sentence}\n")
    return status


def _help() -> str:
    lines = "\n".join(f"  {name:<11}{text}" for name, text in commands().items())
    return (
        "usage: bocamina [--version] COMMAND …\n\n"
        "Watches the air of small underground mines.\n\n"
        f"commands ('bocamina COMMAND --help' tells more):\n{lines}\n"
    )
