"""Entry point of `bocamina` and `python -m bocamina`."""

import sys

from bocamina.cli import run


def main() -> None:
    """Run the command line of this process and leave with its exit status."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
