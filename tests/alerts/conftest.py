"""The mine of the stories of alarms."""

import pytest

from tests.alerts.desk_mine import Mine


@pytest.fixture
def mine() -> Mine:
    mine = Mine()
    mine.seconds(2)
    return mine
