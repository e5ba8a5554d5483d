"""One target under atheris: `python -m tests.fuzz.one NAME CORPUS… -libfuzzer_option=…`."""

import sys

import atheris

with atheris.instrument_imports(include=["gateway", "alerts.protocols.gas_line"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Fuzz the target that the first argument names, until an option ends it or it breaks."""
    name = sys.argv[1]
    atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
