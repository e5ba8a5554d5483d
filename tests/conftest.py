"""Fixtures that several parts of the tree use."""

pytest_plugins = ["tests.fixtures.mosquitto", "tests.fixtures.pty"]
