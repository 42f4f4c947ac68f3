"""The heads of audit logs that a host keeps, over a real sh on this machine."""

import threading

import pytest

from remediate.errors import CouldNotLook, Unreachable
from remediate.owner import LockOwner
from remediate.target import Witness
from remediate.transport.call import Caller
from remediate.transport.lock import HostLock
from remediate.transport.witnesses import Witnesses

from .conftest import LocalWire

FIRST = Witness(
    seq=7,
    hash="a" * 64,
    log="0123456789abcdef",
    run="r1",
    who="ann@desk",
    place='/home/ann/a "b" $(c)\'ü',
    at=1_800_000_000.000001,
)


def later(seq: int, **changes: object) -> Witness:
    return FIRST.model_copy(update={"seq": seq, "hash": f"{seq:064x}", **changes})


@pytest.fixture
def caller(tmp_path):
    return Caller("web1", lambda command: LocalWire(command, {"HOME": str(tmp_path)}), "exec sh", {})


@pytest.fixture
def witnesses(caller):
    return Witnesses(caller)


@pytest.fixture
def heads(tmp_path):
    return tmp_path / ".remediate" / "heads"


def test_what_is_kept_comes_back_in_a_private_file_of_one_line(witnesses, heads):
    assert witnesses.all() == ()
    assert not heads.parent.exists(), "looking makes nothing"
    assert witnesses.keep(FIRST) == FIRST
    assert witnesses.all() == (FIRST,)
    (file,) = heads.iterdir()
    assert (file.name, file.stat().st_mode & 0o777) == (FIRST.log, 0o600)
    assert file.read_text().count("\n") == 1
    assert heads.stat().st_mode & 0o777 == 0o700


def test_a_head_only_ever_goes_forwards(witnesses):
    witnesses.keep(later(12))
    for other in (FIRST, later(11), later(12, hash="b" * 64)):
        assert witnesses.keep(other) == later(12), "the caller is told what is kept instead"
    assert witnesses.keep(later(13)) == later(13)
    assert witnesses.all() == (later(13),)


def test_every_log_has_its_own(witnesses):
    other = later(3, log="f" * 16)
    witnesses.keep(FIRST)
    witnesses.keep(other)
    assert set(witnesses.all()) == {FIRST, other}


def test_of_many_at_once_the_latest_is_kept(witnesses):
    threads = [threading.Thread(target=witnesses.keep, args=(later(seq),)) for seq in (3, 9, 5, 8, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert witnesses.all() == (later(9),)


def test_a_lock_that_is_left_leaves_the_head_alone(witnesses, caller, heads):
    witnesses.keep(FIRST)
    with HostLock(caller, "app").held(LockOwner(run="r1", who="x", since="now")):
        pass
    assert [one.name for one in heads.parent.iterdir()] == ["heads"]
    assert witnesses.all() == (FIRST,)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"no JSON",
        b'{"seq":99999999999999999999}',
        FIRST.model_dump_json().replace('"seq":7', f'"seq":{2**63}').encode(),
        b'{"seq":1,"x":2}',
        b"\xff" * 9000,
    ],
)
def test_what_is_no_head_any_more_is_told_and_not_replaced(witnesses, heads, said):
    witnesses.keep(FIRST)
    (heads / FIRST.log).write_bytes(said)
    if said:
        with pytest.raises(CouldNotLook, match="not as it was written"):
            witnesses.all()
    with pytest.raises(CouldNotLook, match="not as it was written"):
        witnesses.keep(later(8))
    assert (heads / FIRST.log).read_bytes() == said


def test_a_link_in_its_place_is_not_followed(witnesses, heads, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    heads.mkdir(parents=True)
    (heads / FIRST.log).symlink_to(victim)
    with pytest.raises(CouldNotLook, match="cannot be used"):
        witnesses.keep(FIRST)
    assert victim.read_text() == "precious"
    (heads / FIRST.log).unlink()
    heads.rmdir()
    heads.symlink_to(tmp_path)
    for ask in (witnesses.all, lambda: witnesses.keep(FIRST)):
        with pytest.raises(CouldNotLook, match="a link, or not ours"):
            ask()


def test_a_link_that_breaks_is_told_as_such(tmp_path):
    def broken(command):
        wire = LocalWire(command, {"HOME": str(tmp_path)})
        wire.cut()
        return wire

    witnesses = Witnesses(Caller("web1", broken, "exec sh", {}))
    with pytest.raises(Unreachable, match="the link broke"):
        witnesses.all()


def test_nothing_of_an_attempt_stays(witnesses, heads):
    for seq in (1, 5, 2):
        witnesses.keep(later(seq))
    assert [one.name for one in heads.iterdir()] == [FIRST.log]
