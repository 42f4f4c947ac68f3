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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs on the practice ground, so that `-m "not ground"` is the fast half."""
    for item in items:
        if "practice" in getattr(item, "fixturenames", ()) or "/ground/" in str(item.path):
            item.add_marker(pytest.mark.ground)
