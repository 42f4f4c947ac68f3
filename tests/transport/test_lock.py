"""The host's lock, over a real sh on this machine."""

import threading

import pytest

from remediate.errors import Blocked, Failed, Locked, Unreachable
from remediate.owner import LockOwner
from remediate.transport.call import Caller
from remediate.transport.lock import HostLock
from remediate.transport.wire import Broken

from .conftest import LocalWire

FIRST = LockOwner(run="r1", who="ann@desk", since="2026-11-22T10:00:00Z", why="INC-1")
SECOND = LockOwner(run="r2", who="bob", since="later")


@pytest.fixture
def lock(tmp_path):
    def make(app="my app/x"):
        def open_wire(command):
            return LocalWire(command, {"HOME": str(tmp_path)})

        return HostLock(Caller("web1", open_wire, "exec sh", {}), app)

    return make


def test_who_comes_second_is_told_who_has_it_since_when_and_why(lock):
    with lock().held(FIRST), pytest.raises(Locked) as caught, lock().held(SECOND):
        pass
    assert str(caught.value) == (
        "web1: my app/x is locked by ann@desk since 2026-11-22T10:00:00Z in run r1 (INC-1); "
        "wait for it; if it died: remediate resume r1, or remediate rollback r1, where it was begun, "
        "or else remediate unlock web1 --reason WHY"
    )


def test_it_is_free_again_afterwards_and_nothing_is_left(lock, tmp_path):
    for owner in (FIRST, SECOND):
        with lock().held(owner):
            pass
    assert not (tmp_path / ".remediate").exists()


def test_it_is_free_again_after_an_error(lock):
    with pytest.raises(ZeroDivisionError), lock().held(FIRST):
        _ = 1 / 0
    with lock().held(SECOND):
        pass


def test_another_app_is_another_lock(lock):
    with lock().held(FIRST), lock("other").held(SECOND):
        pass


def test_the_same_run_enters_again_and_the_outermost_leaves(lock, tmp_path):
    mine = lock()
    with mine.held(FIRST):
        with mine.held(FIRST):
            pass
        with pytest.raises(Locked), lock().held(SECOND):
            pass
    assert not (tmp_path / ".remediate").exists()


def test_a_run_that_died_is_entered_again_by_the_same_run_and_left(lock, tmp_path):
    held = lock().held(FIRST)
    held.__enter__()
    with lock().held(FIRST):
        pass
    with lock().held(SECOND):
        pass


def test_of_many_at_once_one_gets_it(lock):
    won, gate = [], threading.Barrier(5)

    def enter(number):
        gate.wait()
        try:
            with lock().held(LockOwner(run=f"r{number}", who="x", since="now")):
                won.append(number)
                gate.wait(20)
        except Locked:
            gate.wait(20)

    threads = [threading.Thread(target=enter, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_a_lock_that_cannot_be_left_after_an_error_does_not_hide_the_error(lock):
    mine = lock()

    def down(command):
        raise Unreachable("web1", "down")

    def fail():
        mine._caller._open_wire = down
        raise Failed("web1", "the real reason")

    with pytest.raises(Failed, match="the real reason"), mine.held(FIRST):
        fail()


def test_a_link_that_breaks_while_the_lock_is_left_is_told_as_such(lock, tmp_path):
    mine = lock()

    def broken(command):
        wire = LocalWire(command, {"HOME": str(tmp_path)})
        wire.cut()
        return wire

    def work():
        mine._caller._open_wire = broken

    with pytest.raises(Failed, match=r"the host's lock cannot be left \(the link broke\)"), mine.held(FIRST):
        work()


def test_a_lock_that_cannot_be_taken_blocks_as_nothing_was_touched(lock, tmp_path):
    (tmp_path / ".remediate").write_text("in the way")
    with pytest.raises(Blocked, match="the host's lock cannot be taken"), lock().held(FIRST):
        pass


def answer_lost(wire):
    """Let a script run to its end, and lose what it says."""

    def receive(_seconds):
        wire.process.wait(10)
        raise Broken

    wire.receive = receive
    return wire


def test_a_lock_whose_answer_was_lost_is_asked_for_again_and_held_once(lock, tmp_path):
    mine, lost = lock(), []
    whole = mine._caller._open_wire

    def open_wire(command):
        lost.append(command)
        return answer_lost(whole(command)) if len(lost) == 1 else whole(command)

    mine._caller._open_wire = open_wire
    with mine.held(FIRST), pytest.raises(Locked), lock().held(SECOND):
        pass
    assert not (tmp_path / ".remediate").exists()


def test_a_lock_whose_answer_was_lost_for_good_may_be_there_and_it_is_said_so(lock):
    mine = lock()
    whole = mine._caller._open_wire
    mine._caller._open_wire = lambda command: answer_lost(whole(command))
    with (
        pytest.raises(Unreachable, match="it may be there now; remediate resume r1 frees it"),
        mine.held(FIRST),
    ):
        pass
    with lock().held(FIRST):
        pass
