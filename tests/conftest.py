"""What all tests share: one practice ground for each worker, brought up when the first test wants it."""

from collections.abc import Iterator

import pytest

from tests.practice import Practice, new_practice, put_away


@pytest.fixture(scope="session")
def practice() -> Iterator[Practice]:
    """A full host `web1` and a light one `light1`."""
    ground = new_practice()
    try:
        ground.up("--hosts", "1", "--light", "1")
        yield ground
    finally:
        put_away(ground)
