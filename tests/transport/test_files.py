"""File verbs, over a real sh on this machine: whole or not at all, and never against an expectation."""

import os
import stat
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remediate.errors import Conflict, Failed, Lost
from remediate.questions import Read, ReadAnswer
from remediate.transport.call import Caller
from remediate.transport.files import Files

from .conftest import Bench, LocalWire

ABSENT = ReadAnswer(exists=False)
is_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can own what is another's")


class Place:
    """A folder with the file verbs over it."""

    def __init__(self, folder):
        self.folder, self.wires = folder, []
        self.files = Files(Caller("here", self.open, "exec sh", {}))
        self.bench = Bench()

    def open(self, command):
        self.wires.append(LocalWire(command))
        return self.wires[-1]

    def path(self, name="file"):
        return str(self.folder / name)

    def seen(self, name="file"):
        return self.bench.ask(Read(path=self.path(name)))[0]

    def write(self, content, expect=None, like=None, name="file"):
        self.files.write(self.path(name), content, self.seen(name) if expect is None else expect, like)

    def names(self):
        return sorted(each.name for each in self.folder.iterdir())


@pytest.fixture
def place(tmp_path):
    (tmp_path / "folder").mkdir()
    made = Place(tmp_path / "folder")
    yield made
    made.bench.shell.close()


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=3000))
def test_any_bytes_are_written_as_they_are(place, content):
    place.write(content)
    assert (place.folder / "file").read_bytes() == content
    assert place.names() == ["file"]


def test_some_megabytes_are_written_whole(place):
    content = os.urandom(6_000_000)
    place.write(content)
    assert (place.folder / "file").read_bytes() == content


def test_a_new_file_has_the_mode_that_any_new_file_has(place):
    place.write(b"new", ABSENT)
    (place.folder / "other").touch()
    assert place.seen().mode == place.seen("other").mode


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o4750, 0o000])
def test_mode_and_owner_are_kept(place, mode):
    file = place.folder / "file"
    file.write_bytes(b"old")
    file.chmod(mode)
    if os.geteuid() == 0:
        os.chown(file, 12345, 23456)
        file.chmod(mode)
    elif not mode & 0o400:
        pytest.skip("only root reads what nobody may")
    before = file.stat()
    place.write(b"new")
    after = file.stat()
    assert file.read_bytes() == b"new"
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


def test_the_way_back_restores_time_and_mode_too(place):
    file = place.folder / "file"
    file.write_bytes(b"old")
    file.chmod(0o640)
    os.utime(file, ns=(5, 1_600_000_000_123_456_789))
    before = place.seen()
    place.write(b"new")
    file.chmod(0o600)
    place.write(before.content, like=before)
    assert place.seen() == before


def test_a_file_that_changed_meanwhile_is_left_alone(place):
    place.write(b"old")
    expect = place.seen()
    place.write(b"somebody else's")
    with pytest.raises(Conflict, match=r"here: .*/file is not as expected"):
        place.write(b"ours", expect)
    assert place.seen().content == b"somebody else's"
    assert place.names() == ["file"]


def test_a_file_that_changes_at_the_last_moment_is_left_alone(place, tmp_path):
    place.write(b"old")
    tools = tmp_path / "tools"  # a `sync` that somebody's change slips in beside
    tools.mkdir()
    (tools / "sync").write_text(f"#!/bin/sh\nprintf theirs >{place.folder}/file\n")
    (tools / "sync").chmod(0o755)
    place.files._caller._env["PATH"] = f"{tools}:{os.environ['PATH']}"
    with pytest.raises(Conflict):
        place.write(b"ours")
    assert place.seen().content == b"theirs"
    assert place.names() == ["file"]


def test_a_file_that_came_or_went_meanwhile_is_left_alone(place):
    with pytest.raises(Conflict):
        place.write(b"ours", ReadAnswer(exists=True, content=b"gone"))
    place.write(b"came")
    with pytest.raises(Conflict):
        place.write(b"ours", ABSENT)
    assert place.seen().content == b"came"


def test_an_empty_file_is_not_an_absent_one(place):
    (place.folder / "file").touch()
    with pytest.raises(Conflict):
        place.write(b"ours", ABSENT)
    place.write(b"ours")
    assert place.seen().content == b"ours"


@pytest.mark.fault(26)
def test_a_link_is_refused_and_what_it_leads_to_is_untouched(place):
    (place.folder / "victim").write_bytes(b"victim")
    (place.folder / "file").symlink_to("victim")
    for verb in (lambda: place.write(b"ours"), lambda: place.files.delete(place.path(), place.seen())):
        with pytest.raises(Failed, match="is a link"):
            verb()
    assert (place.folder / "victim").read_bytes() == b"victim"
    assert (place.folder / "file").is_symlink()


def test_a_directory_and_a_missing_folder_are_refused(place):
    (place.folder / "file").mkdir()
    with pytest.raises(Failed, match="no plain file"):
        place.write(b"ours")
    with pytest.raises(Failed, match=r"the folder of .* does not exist"):
        place.write(b"ours", ABSENT, name="no/file")


@is_root
def test_a_full_disk_leaves_the_old_file_whole_and_nothing_else(place):
    full = place.folder / "full"
    full.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", full], check=False).returncode != 0:
        pytest.skip("no tmpfs can be mounted here")
    try:
        (full / "file").write_bytes(b"old")
        with pytest.raises(Failed, match=r"No space left on device.*; it is as it was"):
            place.write(b"x" * 200_000, name="full/file")
        assert (full / "file").read_bytes() == b"old"
        assert [each.name for each in full.iterdir()] == ["file"]
    finally:
        subprocess.run(["umount", full], check=True)


def test_a_payload_cut_short_changes_nothing(place, monkeypatch):
    monkeypatch.setattr("remediate.transport.files.LOOKS", 1)
    place.write(b"old")
    before = place.seen()
    real, content = place.open, b"x" * 3_000_000

    def open_and_cut(command):
        wire = real(command)
        given = []

        def send(data):
            given.append(data)
            if len(given) > 3:
                wire.process.stdin.close()
                wire.cut()
            return LocalWire.send(wire, data)

        wire.send = send
        return wire

    place.files._caller._open_wire = open_and_cut
    with pytest.raises(Lost, match="it is whole, but old or new is not known"):
        place.write(content, before)
    assert place.seen().content == b"old"
    assert place.names() == ["file"]


def test_a_link_that_breaks_after_the_rename_is_found_out(place):
    place.write(b"old")
    before, real = place.seen(), place.open
    first = []

    def open_deaf(command):
        wire = real(command)
        if not first:
            first.append(wire)

            def receive(seconds):
                out, err = LocalWire.receive(wire, seconds)
                if out and (place.folder / "file").read_bytes() == b"new":
                    wire.cut()
                    return LocalWire.receive(wire, seconds)
                return out, err

            wire.receive = receive
        return wire

    place.files._caller._open_wire = open_deaf
    place.write(b"new", before)
    assert place.seen().content == b"new"
    assert first[0].is_cut


def test_deleting_is_done_once_and_only_what_is_as_expected(place):
    place.write(b"ours")
    ours = place.seen()
    place.write(b"changed")
    with pytest.raises(Conflict):
        place.files.delete(place.path(), ours)
    place.files.delete(place.path(), place.seen())
    place.files.delete(place.path(), ours)
    assert place.names() == []


@pytest.mark.parametrize("name", ["with space", "-rf", "q'uo\"te", "new\nline", "é$(id)`id`"])
def test_odd_names_are_names(place, name):
    place.write(b"one", name=name)
    place.write(b"two", name=name)
    assert place.names() == [name]
    place.files.delete(place.path(name), place.seen(name))
    assert place.names() == []


@pytest.mark.parametrize("path", ["relative", "/folder/", "/a\0b"])
def test_a_path_that_names_no_file_is_refused(place, path):
    with pytest.raises(Failed, match="no absolute path of a file"):
        place.files.write(path, b"", ABSENT, None)


def test_the_temporary_file_is_never_readable_by_others(place):
    place.write(b"secret")
    (place.folder / "file").chmod(0o600)
    old = stat.S_IMODE((place.folder / "file").stat().st_mode)
    place.write(b"secret 2")
    assert stat.S_IMODE((place.folder / "file").stat().st_mode) == old
