"""What the fault tests share."""

from tests.fixtures.influx import influx_server  # noqa: F401  a fixture
