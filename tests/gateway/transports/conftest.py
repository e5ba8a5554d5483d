"""Links and peers that end with their test."""

from collections.abc import Callable, Iterator

import pytest

from tests.fixtures.link import Gateway, Peer


@pytest.fixture
def peers() -> Iterator[Callable[..., Peer]]:
    made: list[Peer] = []

    def make(*args, **options) -> Peer:
        made.append(Peer(*args, **options))
        return made[-1]

    yield make
    for peer in made:
        peer.close()


@pytest.fixture
def gateways() -> Iterator[Callable[..., Gateway]]:
    made: list[Gateway] = []

    def make(*args, **options) -> Gateway:
        made.append(Gateway(*args, **options))
        return made[-1]

    yield make
    for gateway in made:
        gateway.link.stop()
