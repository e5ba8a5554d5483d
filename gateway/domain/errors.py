"""Errors, named by what the caller does next."""


class BocaminaError(Exception):
    """Root; only the supervisor, the command line and the API handler catch it."""


class FrameError(BocaminaError):
    """Bytes did not decode. Count it and go on with the next byte."""


class FormatError(BocaminaError):
    """An MQTT payload is not of its format. Count it, keep the payload, go on. `kind` is one identifier."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


class LinkLost(BocaminaError):
    """The wire is gone. Its sensors fall silent; reopen with back-off; log once, and once when it is back."""


class StoreFailed(BocaminaError):
    """The disk does not take or give it (full, read-only, damaged). Keep the rows, try again; alarms go on."""


class ConfigError(BocaminaError):
    """A person must edit a file or an argument: one clear sentence per problem; exit status 2."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class OperationFailed(BocaminaError):
    """The request was right and the world was not (a port in use, a broker that is gone): exit status 1."""


class Refused(BocaminaError):
    """A person asked for what may not be done now; the sentence says why."""
