"""Where files are written: full disks, planted links, and paths that lead out of the app's root."""

import os

import pytest

from tests.faults.small import CONFIG, HOST, ROOT, Small
from tests.practice import Practice

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root is a lab host's administrator")


@root_only
@pytest.mark.fault(10)
def test_a_disk_that_fills_up_in_the_middle_of_writing_leaves_the_file_whole(
    practice: Practice, small: Small
) -> None:
    listing = f"ls -lA {ROOT}; sha256sum {ROOT}/*"
    full = f"""
        cp -a {ROOT} /tmp/app
        mount -t tmpfs -o size=64k,mode=755,uid=1000,gid=1000 tmpfs {ROOT}
        cp -a /tmp/app/. {ROOT}/
        dd if=/dev/zero of={ROOT}/fill bs=4k 2>/dev/null || test "$(stat -f -c %a {ROOT})" = 0"""
    with small.wrong(full, f"umount {ROOT}; rm -rf /tmp/app"):
        before = practice.shell(HOST, listing)
        ended = small.runs()
        assert ended.code == 1, ended.out
        assert f"{CONFIG} could not be changed" in ended.out
        assert "No space left on device" in ended.out
        assert "it is as it was" in ended.out
        assert practice.shell(HOST, listing) == before
    assert small.runs().code == 0
    assert "colour=green" in small.content()


@pytest.mark.fault(26)
@pytest.mark.parametrize("path", ["../../../etc/hostname", "/etc/hostname", "sub/../../.bashrc"])
def test_a_path_that_leaves_the_root_is_refused_before_anything_is_asked(small: Small, path: str) -> None:
    small.write(path)
    before = small.files()
    ended = small.runs()
    assert (ended.code, ended.out.count("looking")) == (2, 0)
    (line,) = ended.err.splitlines()
    assert "one-word.yml:7:21: `files.contains` must be given a path below the app's root" in line
    assert small.files() == before


@pytest.mark.fault(26)
def test_a_link_planted_at_the_edited_file_or_on_the_way_to_it_is_not_followed(
    practice: Practice, small: Small
) -> None:
    secret = "/home/deploy/victim/config.ini"
    practice.shell(
        HOST, f"rm -rf ~/victim; mkdir ~/victim; cp {CONFIG} {secret}; rm {CONFIG}; ln -s {secret} {CONFIG}"
    )
    try:
        for words, path in (("true", "config.ini"), (f"ln -s ~/victim {ROOT}/sub", "sub/config.ini")):
            practice.shell(HOST, words)
            small.write(path)
            before = small.files()
            ended = small.runs("--json")
            assert ended.code == 8, ended.out
            assert f"is reached through a link and really is {secret}" in ended.out
            assert small.files() == before
        assert "colour=red" in practice.on(HOST, "cat", secret)
    finally:
        practice.shell(HOST, "rm -rf ~/victim")
