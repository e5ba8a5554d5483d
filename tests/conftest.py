"""Fixtures that several parts of the tree use."""

import pytest

from bocamina.engine import Engine

pytest_plugins = ["tests.fixtures.mosquitto", "tests.fixtures.pty"]


@pytest.fixture(autouse=True)
def _no_fault_is_survived_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The live engine survives a fault of its own; in a test it must show."""

    def show(_engine: Engine, _now: object, _event: object, error: Exception, _out: object) -> None:
        raise error

    monkeypatch.setattr(Engine, "_survive", show)
