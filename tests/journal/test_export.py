"""An exported log is checked from the file alone; its signature is real OpenSSH's."""

import hashlib
import json
import math
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from remediate.journal import Journal
from remediate.journal.export import Export, Judged, judge_export
from remediate.journal.values import Entry
from remediate.model import canonical
from remediate.signatures import judged_signature, signed, signer_of, usual_keys

WHO = "ada@desk"
Count = Callable[[str, int, int], None]


def exported(journal: Journal, run: str = "") -> list[bytes]:
    export = Export(journal.entries(run or None), journal.witness(WHO), run)
    lines = [line.encode() for line in export.lines()]
    return [*lines, canonical(export.head.model_dump(mode="json"))]


@pytest.fixture
def lines(journal: Journal, samples: Any) -> list[bytes]:
    journal.begin(samples.header("r1", reason="größer → besser"))
    journal.append("r1", "web1", "note", {"b": 1.5, "a": [None, True]})
    journal.begin(samples.header("r2"))
    return exported(journal)


def test_an_export_is_whole_without_the_log(lines: list[bytes]) -> None:
    judged = judge_export(lines)
    assert (judged.verdict.whole, judged.verdict.entries) == (True, 3)
    assert judged.head is not None
    assert judged.head.witness.seq == 3


@pytest.mark.fault(27)
def test_every_flipped_bit_of_an_export_is_found_but_in_what_only_a_signature_can_hold(
    lines: list[bytes], count: Count
) -> None:
    raw, flips = b"\n".join(lines), 0
    for offset in range(len(raw) - len(lines[-1])):
        for bit in range(8):
            bent = raw[:offset] + bytes([raw[offset] ^ (1 << bit)]) + raw[offset + 1 :]
            assert not judge_export(bent.split(b"\n")).verdict.whole, (offset, bit)
            flips += 1
    count("bits flipped", flips, flips)


@pytest.mark.fault(27)
def test_an_export_cut_at_any_byte_is_found(lines: list[bytes], count: Count) -> None:
    raw = b"\n".join(lines)
    for cut in range(len(raw)):
        assert not judge_export(raw[:cut].split(b"\n")).verdict.whole, cut
    count("bytes cut at", len(raw), len(raw))


def with_a_head_that_fits(lines: list[bytes], **changes: Any) -> list[bytes]:
    """Return the lines as a forger would leave them, who makes the head anew and cannot sign it."""
    *entries, last = lines
    digest = hashlib.sha256(b"".join(line + b"\n" for line in entries)).hexdigest()
    head = json.loads(last)
    head["witness"] |= changes
    return [*entries, canonical({**head, "entries": len(entries), "lines": digest})]


def test_a_head_that_was_made_anew_hides_nothing(journal: Journal, lines: list[bytes]) -> None:
    first, second, third, head = lines
    assert judge_export(with_a_head_that_fits(lines)).verdict.whole
    later = second.replace(b'"at":', b'"at":1,"at":', 1)
    at = json.loads(third)["at"]
    nearly = third.replace(str(at).encode(), repr(math.nextafter(at, 0)).encode())
    assert nearly != third
    for bent in (
        [second, third, head],
        [first, third, head],
        [first, second.replace(b"web1", b"web2"), third, head],
        [first, later, third, head],
        [first, second, nearly, head],
        [first, second, head],
    ):
        assert not judge_export(with_a_head_that_fits(bent)).verdict.whole, bent
    for changes in ({"seq": 2}, {"hash": "0" * 64}, {"log": "0" * 16}):
        assert not judge_export(with_a_head_that_fits(lines, **changes)).verdict.whole, changes
    one, its_head = exported(journal, "r2")
    assert judge_export(with_a_head_that_fits([one, its_head])).verdict.whole
    assert not judge_export(with_a_head_that_fits([second, one, its_head])).verdict.whole, "of another run"
    journal.append("r2", "web1", "note", {})
    early, late, its_head = exported(journal, "r2")
    assert not judge_export(with_a_head_that_fits([late, early, its_head])).verdict.whole, "moved"


@pytest.mark.parametrize(
    "bend",
    [
        lambda lines: lines[1:],
        lambda lines: [lines[0], *lines[2:]],
        lambda lines: [lines[1], lines[0], *lines[2:]],
        lambda lines: lines[:-1],
        lambda lines: [*lines, lines[-1]],
        lambda lines: [*lines, lines[0]],
        lambda lines: lines[3:3],
        lambda lines: [lines[0].replace(b'"at":', b'"at":1,"at":'), *lines[1:]],
        lambda lines: [b"[" * 100_000, *lines[1:]],
        lambda lines: [lines[0].replace(b'{"at"', b'{"a":1,"at"'), *lines[1:]],
        lambda lines: [*lines[:-1], b'{"kind":"head"}'],
    ],
)
def test_lines_taken_out_put_in_moved_or_made_up_are_found(
    lines: list[bytes], bend: Callable[[list[bytes]], list[bytes]]
) -> None:
    verdict = judge_export(bend(lines)).verdict
    assert not verdict.whole
    assert "\n" not in verdict.in_words


def test_the_first_entry_that_does_not_fit_is_named(lines: list[bytes]) -> None:
    bent = [lines[0], lines[1].replace(b"web1", b"web2"), *lines[2:]]
    assert judge_export(bent).verdict.bad == 2


def test_the_export_of_one_run_says_that_it_is_no_chain(journal: Journal, lines: list[bytes]) -> None:
    some_lines = exported(journal, "r2")
    verdict = judge_export(some_lines).verdict
    assert verdict.whole
    assert "of run r2 only" in verdict.note
    assert not judge_export([some_lines[0].replace(b"web1", b"web9"), some_lines[1]]).verdict.whole
    assert not judge_export([lines[0], some_lines[1]]).verdict.whole, "an entry of another run"


def test_what_is_written_while_it_is_exported_is_left_out(journal: Journal, lines: list[bytes]) -> None:
    witness = journal.witness(WHO)

    def entries() -> Iterator[Entry]:
        journal.append("r3", "", "note", {})
        yield from journal.entries()

    export = Export(entries(), witness)
    told = [line.encode() for line in export.lines()]
    assert judge_export([*told, canonical(export.head.model_dump(mode="json"))]).verdict.entries == 3


def test_a_log_without_entries_is_exported_and_whole(journal: Journal) -> None:
    assert judge_export(exported(journal)).verdict.whole


JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False) | some.text(),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(), inner, max_size=3),
    max_leaves=8,
)


@given(body=some.dictionaries(some.text(), JSON, max_size=3), at=some.integers(0, 4_000_000_000_000_000))
def test_any_body_comes_through_an_export_to_the_byte(body: dict[str, Any], at: int) -> None:
    raw = canonical(body)
    assert canonical(json.loads(raw)) == raw
    assert round(at / 1_000_000 * 1_000_000) == at


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return made_key(tmp_path / "home" / ".ssh" / "id_ed25519")


def made_key(path: Path, passphrase: str = "") -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    line = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "ada", "-f", str(path)]
    subprocess.run(line, check=True, stdin=subprocess.DEVNULL)
    return path


NAMESPACE = "remediate-audit"


def quiet_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "SSH_AUTH_SOCK"}


def test_a_signature_holds_its_content_names_its_key_and_is_checked_against_allowed_signers(
    key: Path, tmp_path: Path
) -> None:
    environment = quiet_environment()
    assert usual_keys(tmp_path / "home") == (key,)
    signature = signed(b"content", [key], environment, NAMESPACE)
    public = key.with_name("id_ed25519.pub").read_text()
    told = subprocess.run(["ssh-keygen", "-lf", key], capture_output=True, text=True, check=True).stdout
    assert signer_of(signature) == told.split()[1]
    allowed, others = tmp_path / "allowed", tmp_path / "others"
    allowed.write_text(f'ada@example.com,eve namespaces="remediate-audit" {public}')
    others.write_text(f"bob {made_key(tmp_path / 'other').with_name('other.pub').read_text()}")
    assert judged_signature(b"content", signature, None, environment, NAMESPACE).fault == ""
    assert judged_signature(b"content", signature, allowed, environment, NAMESPACE).fault == ""
    assert (
        "not of this content"
        in judged_signature(b"contend", signature, allowed, environment, NAMESPACE).fault
    )
    assert "allows" in judged_signature(b"content", signature, others, environment, NAMESPACE).fault
    allowed.write_text(f'ada namespaces="git" {public}')
    assert "allows" in judged_signature(b"content", signature, allowed, environment, NAMESPACE).fault
    for odd in ("", "é", "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n", "\0"):
        assert signer_of(odd) == ""
        assert judged_signature(b"content", odd, None, environment, NAMESPACE).fault


def test_a_key_with_a_passphrase_asks_nobody_and_an_agent_that_has_it_is_used(tmp_path: Path) -> None:
    locked, environment = made_key(tmp_path / "locked", "secret words"), quiet_environment()
    assert signed(b"content", [locked], environment, NAMESPACE) == ""
    assert signed(b"content", [tmp_path / "missing"], environment, NAMESPACE) == ""
    socket = tmp_path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL) as agent:
        try:
            while not socket.exists():
                assert agent.poll() is None
            environment["SSH_AUTH_SOCK"] = str(socket)
            assert signed(b"content", [locked], environment, NAMESPACE, agent=True) == ""
            answer = tmp_path / "answer"
            answer.write_text("#!/bin/sh\necho secret words\n")
            answer.chmod(0o700)
            asked = {**environment, "SSH_ASKPASS": str(answer), "SSH_ASKPASS_REQUIRE": "force"}
            subprocess.run(["ssh-add", "-q", locked], check=True, env=asked, stdin=subprocess.DEVNULL)
            assert signer_of(signed(b"content", [locked], environment, NAMESPACE))
            assert signer_of(signed(b"content", [], environment, NAMESPACE, agent=True))
            assert signed(b"content", [], environment, NAMESPACE) == ""
        finally:
            agent.terminate()


def test_where_there_is_no_ssh_keygen_nothing_is_signed_and_nothing_believed(key: Path) -> None:
    nowhere = {"PATH": "/nonexistent"}
    assert "not on this machine" in judged_signature(b"x", "y", None, nowhere, NAMESPACE).fault


def test_a_judgement_of_nothing_has_no_head() -> None:
    assert judge_export([]) == Judged(judge_export([]).verdict)
