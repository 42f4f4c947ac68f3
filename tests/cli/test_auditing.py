"""The commands about the audit log, from the command line; no host can be reached here."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from remediate.journal import Journal, Operator, RunHeader
from remediate.masking import Masker
from tests.forging import forging


@pytest.fixture
def log(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log of two runs; its operator has no key, and no agent."""
    monkeypatch.setenv("HOME", str(here / "home"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with Journal.open(here / "state" / "remediate", Masker()) as journal:
        for run in ("20261122-101530-aaaa", "20261122-101531-bbbb"):
            operator = Operator(user="ada", machine="desk")
            journal.begin(RunHeader(run=run, playbook="p", environment="lab", operator=operator))
    return here / "state" / "remediate"


@pytest.fixture
def key(here: Path) -> Path:
    path = here / "home" / ".ssh" / "id_ed25519"
    path.parent.mkdir(mode=0o700, parents=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


def exported(does, here: Path, *words: str) -> Path:
    code, out, _ = does("audit", "export", *words)
    assert code == 0
    (here / "log.jsonl").write_text(out)
    return here / "log.jsonl"


def test_an_export_without_a_key_is_not_signed_and_says_so(does, log: Path, here: Path) -> None:
    code, out, err = does("audit", "export")
    assert code == 0
    assert json.loads(out.splitlines()[-1])["signature"] == ""
    assert "the head is not signed: no SSH key can be used without asking" in err
    code, out, _ = does("audit", "verify", "--file", str(exported(does, here)))
    assert (code, "not signed: anybody could have written this file" in out) == (0, True)


def test_a_signed_export_is_checked_without_the_log_and_against_who_may_sign(
    does, log: Path, here: Path, key: Path
) -> None:
    file = exported(does, here)
    (here / "allowed").write_text(f"ada {key.with_name('id_ed25519.pub').read_text()}")
    log.rename(here / "elsewhere")
    code, out, _ = does("audit", "verify", "--file", str(file))
    assert (code, "signed by SHA256:" in out, "--signers tells" in out) == (0, True, True)
    code, out, _ = does("audit", "verify", "--file", str(file), "--signers", "allowed")
    assert (code, "an allowed signer" in out) == (0, True)
    code, out, _ = does("audit", "verify", "--file", str(file), "--signers", "allowed", "--json")
    assert json.loads(out)["whole"] is True
    (here / "allowed").write_text("# nobody\n")
    code, out, _ = does("audit", "verify", "--file", str(file), "--signers", "allowed")
    assert (code, "NOT WHOLE: its key is none that allowed allows" in out) == (1, True)


def test_a_head_that_was_altered_no_longer_fits_its_signature(does, log: Path, here: Path, key: Path) -> None:
    file = exported(does, here, "20261122-101531")
    text = file.read_text()
    seq = '"seq":2,"who"'
    assert seq in text
    file.write_text(text.replace(seq, '"seq":3,"who"'))
    code, out, _ = does("audit", "verify", "--file", str(file))
    assert (code, "NOT WHOLE: the signature is not of this content" in out) == (1, True)


def test_an_export_is_a_head_kept_elsewhere_its_log_has_to_fit_it(does, log: Path, here: Path) -> None:
    file = exported(does, here)
    assert does("audit", "verify", "--file", str(file))[0] == 0
    with forging(log) as entries:
        entries.execute("DELETE FROM entries WHERE seq = 2")
    assert does("audit", "verify")[0] == 0, "alone it cannot know"
    code, out, _ = does("audit", "verify", "--file", str(file))
    assert (code, "the log of this runner is no longer that of the file" in out) == (1, True)
    for name in ("journal.db", "head"):
        (log / name).unlink()
    with Journal.open(log, Masker()) as journal:
        journal.append("another", "", "note", {})
    assert does("audit", "verify", "--file", str(file))[0] == 0, "another log says nothing"


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--file", "missing.jsonl"], "cannot be read"),
        (["--signers", "x"], "belongs to an exported file"),
        (["--file", "x", "--on", "web1"], "is checked without any host"),
        (["--file", "x", "--signers", "missing"], "there is no such file"),
    ],
)
def test_wrong_usage_is_one_line(does, log: Path, words: list[str], what: str) -> None:
    code, _, err = does("audit", "verify", *words)
    assert (code, what in err, err.count("\n")) == (2, True, 1), err


def test_a_key_that_is_not_there_or_cannot_be_used_is_told(does, log: Path, here: Path) -> None:
    code, _, err = does("audit", "export", "--key", "missing")
    assert (code, "there is no such key" in err) == (2, True)
    line = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret words", "-f", here / "locked"]
    subprocess.run(line, check=True)
    code, out, err = does("audit", "export", "--key", "locked")
    assert (code, "the head is not signed: locked" in err) == (1, True)
    assert len(out.splitlines()) == 3, "the export is there all the same"


def test_what_is_no_export_is_not_whole(does, log: Path, here: Path) -> None:
    for content in (b"", b"\n", b"\x1b]52;c;x\x07\n", os.urandom(4096), b"{}\n" * 3):
        (here / "odd").write_bytes(content)
        code, out, err = does("audit", "verify", "--file", "odd")
        assert (code, "NOT WHOLE" in out, err) == (1, True, "")
        assert "\x1b" not in out


def test_a_host_that_cannot_be_asked_is_said_and_exit_6(does, log: Path) -> None:
    code, out, _ = does("audit", "verify", "--on", "web1")
    assert code == 6
    assert out.splitlines()[0].startswith("whole: 2 entries")
    assert out.splitlines()[1].startswith("web1: cannot be asked: ")
    code, out, _ = does("audit", "verify", "--on", "web1", "--json")
    told = json.loads(out)
    assert (code, told["whole"], told["hosts"][0]["code"]) == (6, True, 6)


def test_hosts_are_asked_without_their_secrets_and_after_the_log_was_judged(
    does, log: Path, here: Path
) -> None:
    (here / "inventory" / "token").unlink()
    code, out, _ = does("audit", "verify", "--on", "web1")
    assert (code, "web1: cannot be asked: " in out, "token" in out) == (6, True, False)
    code, out, err = does("audit", "verify", "--on", "nosuch")
    assert (code, out.startswith("whole: 2 entries"), "nosuch" in err) == (2, True, True)


def test_the_export_of_an_empty_log_is_whole_at_once_and_once_the_log_has_begun(does, here: Path) -> None:
    file = exported(does, here)
    assert does("audit", "verify", "--file", str(file))[0] == 0
    with Journal.open(here / "state" / "remediate", Masker()) as journal:
        journal.append("r1", "", "note", {})
    assert does("audit", "verify", "--file", str(file))[0] == 0


def test_a_command_line_that_is_no_utf8_is_written_down_and_read_again(does, here: Path) -> None:
    code, _, _ = does("hold", "web1", "--reason", "disk \udce4")
    assert code == 6, "the host cannot be reached"
    code, out, _ = does("runs")
    assert (code, "disk \\udce4" in out) == (0, True)
    for words in (("runs", "--json"), ("show", out.split()[0]), ("show", out.split()[0], "--json")):
        code, shown, err = does(*words)
        assert (code, "disk \\" in shown, err) == (0, True, "")


def test_a_log_that_is_not_whole_is_exit_1_whoever_cannot_be_asked(does, log: Path) -> None:
    (log / "head").unlink()
    assert does("audit", "verify", "--on", "web1")[0] == 1
    assert does("audit", "verify")[0] == 1
