import signal
import threading
import time
from types import SimpleNamespace

import pytest

from remediate.engine import Ending, Look
from remediate.errors import Failed, PlaybookError, Stale, Unreachable
from remediate.fleet import carry_out_all, ending_of, look_at_all
from remediate.model import Outcome


class Host:
    """Stands for a run on one host: what it does when it is looked at and carried out is given."""

    def __init__(self, name: str, *, look=None, ending=None) -> None:
        self.target = SimpleNamespace(name=name)
        self._look, self._ending = look, ending
        self.begun = self.touched = False

    def look(self) -> Look:
        return self._look() if callable(self._look) else self._look

    def carry_out(self, _: Look) -> Ending:
        self.begun = True
        if isinstance(self._ending, BaseException):
            raise self._ending
        return self._ending


def raising(error: Exception):
    def look() -> Look:
        raise error

    return look


def carried_out(*hosts: Host) -> dict[str, Outcome]:
    told: dict[str, Ending] = {}
    endings = carry_out_all([(host, None) for host in hosts], told.__setitem__)  # type: ignore[misc]
    assert told == endings
    return {name: ending.outcome for name, ending in endings.items()}


def test_hosts_are_looked_at_side_by_side() -> None:
    met = threading.Barrier(3, timeout=5)
    hosts = {name: Host(name, look=met.wait) for name in "abc"}
    seen = look_at_all({name: (lambda host=host: host) for name, host in hosts.items()})  # type: ignore[misc]
    assert list(seen) == ["a", "b", "c"]


def test_a_host_that_cannot_be_looked_at_does_not_hide_the_others() -> None:
    hosts = {
        "a": Host("a", look=raising(Unreachable("a", "no route", "plug it in"))),
        "b": Host("b", look="seen"),
    }
    seen = look_at_all({name: (lambda host=host: host) for name, host in hosts.items()})  # type: ignore[misc]
    assert seen["a"] == Ending(Outcome.BLOCKED, "no route", "plug it in")
    assert seen["b"] == (hosts["b"], "seen")


def test_what_is_wrong_with_the_playbook_is_wrong_for_all() -> None:
    with pytest.raises(PlaybookError):
        look_at_all({"a": lambda: Host("a", look=raising(PlaybookError("p.yml:1:1", "is wrong")))})  # type: ignore[dict-item, return-value]


def test_hosts_are_changed_one_after_another() -> None:
    fixed = Ending(Outcome.FIXED, "")
    assert carried_out(Host("a", ending=fixed), Host("b", ending=fixed)) == {
        "a": Outcome.FIXED,
        "b": Outcome.FIXED,
    }


@pytest.mark.parametrize(
    "ending",
    [
        Ending(Outcome.ROLLED_BACK, ""),
        Ending(Outcome.STUCK, ""),
        Ending(Outcome.KEPT, ""),
        Stale("a", "moved"),
        Unreachable("a", "gone"),
        KeyboardInterrupt(),
    ],
)
def test_after_a_failure_the_hosts_that_have_not_begun_are_left_alone(ending) -> None:
    second, third = Host("b", ending=Ending(Outcome.FIXED, "")), Host("c", ending=Ending(Outcome.FIXED, ""))
    outcomes = carried_out(Host("a", ending=ending), second, third)
    assert outcomes["b"] == outcomes["c"] == Outcome.DECLINED
    assert not second.begun
    assert not third.begun


def test_a_host_that_healed_on_its_own_does_not_stop_the_others() -> None:
    healthy, fixed = Ending(Outcome.HEALTHY, ""), Ending(Outcome.FIXED, "")
    assert carried_out(Host("a", ending=healthy), Host("b", ending=fixed))["b"] is Outcome.FIXED


def test_a_round_that_was_interrupted_after_a_cure_that_held_ends_there() -> None:
    told: dict[str, Ending] = {}
    second = Host("b", ending=Ending(Outcome.FIXED, ""))
    first = Host("a", ending=Ending(Outcome.FIXED, "", interrupted=True))
    carry_out_all([(first, None), (second, None)], told.__setitem__)  # type: ignore[list-item]
    assert not second.begun
    assert told["a"].outcome is Outcome.FIXED
    assert told["b"].why == "not begun, because the operator interrupted the run at a"


def test_an_action_that_cannot_do_its_work_is_no_cure_with_its_last_lines() -> None:
    ending = ending_of(Failed("a", "no such text", "look at it", output="last line"))
    assert (ending.outcome, ending.output) == (Outcome.NO_CURE, "last line")


def test_looking_at_hosts_that_never_answer_can_be_interrupted() -> None:
    done = threading.Event()
    hosts = {"a": lambda: Host("a", look=lambda: done.wait(20))}
    here = threading.get_ident()
    timer = threading.Timer(0.3, lambda: signal.pthread_kill(here, signal.SIGINT))
    timer.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        look_at_all(hosts)  # type: ignore[arg-type]
    done.set()
    timer.join()
    assert time.monotonic() - began < 5
