"""The command line and the wiring of processes: the roof, imported by nobody."""

__version__ = "0.1.0"
