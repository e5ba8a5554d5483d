"""Fixtures that several parts of the tree use."""

import os

import pytest
from hypothesis import settings

from bocamina.engine import Engine

# A build must say the same of the same commit; whoever works here keeps looking for new examples.
settings.register_profile("build", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("build")

pytest_plugins = ["tests.fixtures.mosquitto", "tests.fixtures.pty"]


@pytest.fixture(autouse=True)
def _no_fault_is_survived_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The live engine survives a fault of its own; in a test it must show."""

    def show(_engine: Engine, _now: object, _event: object, error: Exception, _out: object) -> None:
        raise error

    monkeypatch.setattr(Engine, "_survive", show)
