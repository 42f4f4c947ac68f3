"""A connection that was there and went is waited for; one that never was, or that refuses, is not."""

import pytest

from remediate.errors import Unreachable
from remediate.transport.absence import Absence, Refused


class Time:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.told: list[str] = []

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Host:
    """Answers at every try but the ones named."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.tries = 0

    def connect(self) -> None:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)


GONE = Unreachable("web1", "refuses")


def absence(time: Time, *, been_there: bool) -> Absence:
    made = Absence(time.told.append, lambda: time.now, time.sleep)
    if been_there:
        made.until_back(lambda: None, lambda: False)
    return made


def test_what_was_there_and_went_is_waited_for() -> None:
    time, host = Time(), Host(*[GONE] * 5)
    held = absence(time, been_there=True)
    with held.borne(120):
        held.until_back(host.connect, lambda: False)
    assert host.tries == 6
    assert len(time.told) == 1, "once, not at every try"


def test_what_was_never_there_is_not_waited_for() -> None:
    time, host = Time(), Host(*[GONE] * 5)
    held = absence(time, been_there=False)
    with held.borne(120), pytest.raises(Unreachable):
        held.until_back(host.connect, lambda: False)
    assert host.tries == 1


def test_nobody_waits_where_nobody_said_so() -> None:
    time, host = Time(), Host(*[GONE] * 5)
    held = absence(time, been_there=True)
    with held.borne(120):
        pass
    with pytest.raises(Unreachable):
        held.until_back(host.connect, lambda: False)
    assert host.tries == 1


def test_a_host_that_refuses_is_not_waited_for() -> None:
    time, host = Time(), Host(Refused("web1", "has another host key"))
    held = absence(time, been_there=True)
    with held.borne(120), pytest.raises(Refused):
        held.until_back(host.connect, lambda: False)
    assert time.now == 0


def test_what_did_not_come_back_in_time_is_tried_once_each_time_until_it_did() -> None:
    time = Time()
    held = absence(time, been_there=True)
    with held.borne(10):
        with pytest.raises(Unreachable):
            held.until_back(Host(*[GONE] * 100).connect, lambda: False)
        assert 10 <= time.now < 15
        host = Host(*[GONE] * 100)
        with pytest.raises(Unreachable):
            held.until_back(host.connect, lambda: False)
        assert host.tries == 1
        held.until_back(Host().connect, lambda: False)
        again = Host(GONE, GONE)
        held.until_back(again.connect, lambda: False)
        assert again.tries == 3


def test_a_link_that_is_closed_meanwhile_is_waited_for_no_more() -> None:
    time, host = Time(), Host(*[GONE] * 100)
    held = absence(time, been_there=True)
    with held.borne(120), pytest.raises(Unreachable):
        held.until_back(host.connect, lambda: time.now > 1)
    assert time.now < 5
