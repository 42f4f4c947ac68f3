"""known_hosts is read as OpenSSH reads it; ssh-keygen is asked for comparison."""

import base64
import subprocess

import pytest

from remediate.transport.host_key import judge_key, looked_up
from remediate.transport.known_hosts import known


def blob(text):
    return base64.b64encode(text.encode()).decode()


def line(patterns, key, marker=""):
    return f"{marker} {patterns} ssh-ed25519 {blob(key)} a comment".strip()


def keys(lines, name):
    return [key.blob.decode() for key in known(lines, name).keys]


@pytest.mark.parametrize(
    ("patterns", "name", "matches"),
    [
        ("web1", "web1", True),
        ("web1", "web11", False),
        ("WEB1", "web1", True),
        ("a,web1,b", "web1", True),
        ("*.example.com", "web1.example.com", True),
        ("*.example.com", "example.com", False),
        ("web?", "web1", True),
        ("*,!web1", "web1", False),
        ("*,!web1", "web2", True),
        ("web[12]", "web1", False),
        ("[web1]:2200", "[web1]:2200", True),
        ("[web1]:2200", "web1", False),
        ("[*]:2200", "[web1]:2200", True),
    ],
)
def test_patterns_match_as_in_openssh(patterns, name, matches):
    assert bool(keys([line(patterns, "key")], name)) is matches


def test_a_hashed_name_is_found(tmp_path):
    file = tmp_path / "known_hosts"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    public = (tmp_path / "key.pub").read_text()
    file.write_text(f"[web1]:2200 {public}")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", file], check=True, capture_output=True)
    assert "web1" not in file.read_text()
    found = known(file.read_text().splitlines(), "[web1]:2200")
    assert [key.fingerprint for key in found.keys] == [
        subprocess.run(
            ["ssh-keygen", "-lf", tmp_path / "key.pub"], check=True, capture_output=True, text=True
        ).stdout.split()[1]
    ]
    assert known(file.read_text().splitlines(), "web1").keys == ()


def test_several_keys_of_a_kind_are_all_known():
    assert keys([line("web1", "old"), line("web1", "new")], "web1") == ["old", "new"]


def test_lines_that_cannot_be_read_and_markers_spoil_nothing():
    lines = [
        "",
        "# comment",
        "web1",
        "web1 ssh-ed25519 not*base64",
        line("*", "ca", "@cert-authority"),
        line("web1", "key"),
    ]
    assert keys(lines, "web1") == ["key"]


def test_a_revoked_key_is_refused_although_it_is_known():
    lines = [line("web1", "key"), line("*", "key", "@revoked")]
    verdict = judge_key(known(lines, "web1"), "web1", "ssh-ed25519", b"key", "FILE")
    assert not verdict.trusted
    assert "is revoked in FILE" in verdict.what


def test_unknown_and_changed_keys_say_what_was_seen_and_what_to_do():
    unknown = judge_key(known([], "[w]:22"), looked_up("w", 2200), "ssh-ed25519", b"key", "FILE")
    changed = judge_key(known([line("w", "old")], "w"), "w", "ssh-ed25519", b"key", "FILE")
    seen = "SHA256:LHDhK3oGRvkiefQnx7OOczTY5Tic/xZ6HcMOc/gmtoM"
    assert unknown.what == f"its host key {seen} is not in FILE"
    assert unknown.todo.endswith("ssh-keyscan -p 2200 w -t ed25519 >> FILE")
    assert changed.what.startswith("its host key has changed: FILE has SHA256:")
    assert changed.what.endswith(f"it shows {seen}")
