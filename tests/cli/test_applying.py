"""A plan as a document: what was reviewed is done to the letter, and nothing where anything moved."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from remediate.cli import applying
from remediate.cli.session import Session
from remediate.review import read_document, written_document
from tests.engine.conftest import CONFIG, LIMITS, PLAYBOOK
from tests.laws.memory import File, MemoryTarget, MemoryWorld, State
from tests.laws.simulated import PLACE_SCRIPT, place

Line = Callable[..., tuple[int, str, str]]
RED = b"# ours\ncolour=red\n"


@dataclass
class Ground:
    """Two hosts in memory, and a runner's directory with a plan for the first."""

    here: Path
    does: Line
    worlds: dict[str, MemoryWorld]
    host_key: str = "SHA256:them"

    @property
    def plan(self) -> Path:
        return self.here / "plan.json"

    def content(self, path: str, host: str = "web1") -> bytes:
        return self.worlds[host].state.files[path].content

    def write(self, path: str, content: bytes, host: str = "web1") -> None:
        self.worlds[host].state.files[path].content = content

    def policy(self, text: str) -> None:
        inventory = self.here / "inventory" / "lab.yml"
        inventory.write_text(inventory.read_text().replace("groups:", f"policy: {{{text}}}\ngroups:", 1))

    def makes_plan(self, *words: str, on: str = "web1") -> None:
        code, out, err = self.does("plan", "two-files", "--on", on, "-o", str(self.plan), *words)
        assert code == 3, out + err

    def applies(self, *words: str) -> tuple[int, str]:
        code, out, err = self.does("apply", str(self.plan), "--yes", *words)
        return code, out + err


@pytest.fixture
def ground(here: Path, does: Line, monkeypatch: pytest.MonkeyPatch) -> Ground:
    files = {CONFIG: File(RED, mode=0o640), LIMITS: File(b"limit=1\n")}
    worlds = {
        name: MemoryWorld(State(files=files), scripts={PLACE_SCRIPT: place}) for name in ("web1", "web2")
    }
    ground = Ground(here, does, worlds)

    class Reached(MemoryTarget):
        @property
        def login(self) -> dict[str, str]:
            return {**super().login, "host_key": ground.host_key}

    def reached(self: Session, host, *_: object, **__: object) -> MemoryTarget:
        self.secrets_of(host)  # from here on they are masked
        self.targets[host.name] = target = Reached(worlds[host.name], "")
        target.name = host.name
        return target

    monkeypatch.setattr(Session, "target", reached)
    monkeypatch.setenv("HOME", str(here))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    inventory = here / "inventory" / "lab.yml"
    inventory.write_text(inventory.read_text().replace("/srv/lumiku", "/srv/app"))
    (here / "playbooks").mkdir()
    (here / "playbooks" / "two-files.yml").write_text(PLAYBOOK.replace("stable: 2s", "stable: 0s"))
    return ground


def test_a_plan_is_applied_once_to_the_letter_and_the_log_keeps_it(ground: Ground) -> None:
    ground.makes_plan()
    assert ground.content(CONFIG) == RED
    code, said = ground.applies()
    assert code == 0, said
    assert (ground.content(CONFIG), ground.content(LIMITS)) == (b"# ours\ncolour=green\n", b"limit=2\n")
    _, log, _ = ground.does("show", ground.does("runs", "--json")[1].split('"run":"')[1][:20], "--json")
    kept = next(entry for line in log.splitlines() if (entry := json.loads(line)).get("kind") == "reviewed")
    assert kept["body"]["digest"] == json.loads(ground.plan.read_text())["digest"]
    ground.write(CONFIG, RED)
    code, said = ground.applies()
    assert (code, said.count("\n")) == (5, 1)
    assert "was applied already, by run" in said
    assert ground.content(CONFIG) == RED


def test_no_byte_of_it_can_be_altered(ground: Ground) -> None:
    ground.makes_plan()
    text = ground.plan.read_text()
    for altered in (
        text.replace("colour=green", "colour=gleen"),
        text.replace('"digest": "', '"digest": "0'),
        text + " ",
        text.replace("\n ", "\n  ", 1),
        text.replace('"expires": 1', '"expires": 9'),
    ):
        assert altered != text
        ground.plan.write_text(altered)
        code, said = ground.applies()
        assert (code, said.count("\n")) == (2, 1)
        assert "somebody altered it" in said
    for odd in ("", "[]", "{}", "null", '{"digest": 1}', "\0", '{"digest": "x", "form": "remediate-plan/9"}'):
        ground.plan.write_text(odd)
        code, said = ground.applies()
        assert (code, said.count("\n")) == (2, 1), odd
    assert ground.content(CONFIG) == RED


def moved_file(ground: Ground) -> None:
    ground.write(LIMITS, b"limit=1\n# somebody was here\n")


def other_host_key(ground: Ground) -> None:
    ground.host_key = "SHA256:others"


def other_playbook(ground: Ground) -> None:
    path = ground.here / "playbooks" / "two-files.yml"
    path.write_text(path.read_text() + "# a word\n")


def other_inventory(ground: Ground) -> None:
    path = ground.here / "inventory" / "lab.yml"
    path.write_text(path.read_text() + "# a word\n")


def healthy_again(ground: Ground) -> None:
    ground.write(CONFIG, b"# ours\ncolour=green\n")


@pytest.mark.parametrize(
    ("move", "named"),
    [
        (moved_file, "what “set the limit” would do"),
        (other_host_key, "the host's key"),
        (other_playbook, "the playbook two-files has changed since"),
        (other_inventory, "has changed since"),
        (healthy_again, "what the look came to"),
    ],
)
def test_what_moved_since_is_named_and_nothing_is_touched(
    ground: Ground, move: Callable[[Ground], None], named: str
) -> None:
    ground.makes_plan()
    move(ground)
    before = ground.worlds["web1"].fingerprint()
    code, said = ground.applies()
    assert code == 5, said
    assert named in said
    assert ground.worlds["web1"].fingerprint() == before


def test_a_plan_of_another_version_is_refused(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    ground.makes_plan()
    monkeypatch.setattr(applying, "__version__", "99.0.0")
    code, said = ground.applies()
    assert code == 5, said
    assert "made it, this is 99.0.0" in said
    assert ground.content(CONFIG) == RED


def test_a_look_that_ends_another_way_is_named_too(ground: Ground) -> None:
    ground.makes_plan()
    ground.write(LIMITS, b"no limit at all\n")  # which cannot be planned
    code, said = ground.applies()
    assert (code, "what the look came to" in said) == (5, True), said
    assert "the host's key" not in said, "it is the same host"
    assert ground.content(CONFIG) == RED


def test_then_and_now_stand_side_by_side(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    ground.makes_plan()
    moved_file(ground)
    _, said = ground.applies()
    assert "when it was planned" in said
    assert any("limit=2" in line and line.count("limit=2") == 2 for line in said.splitlines()), said
    assert any("8 bytes" in line and "28 bytes" in line for line in said.splitlines()), said
    events = [json.loads(line) for line in ground.applies("--json")[1].splitlines() if line.startswith("{")]
    (step, asked) = [event for event in events if event["kind"] == "moved"]
    assert "# somebody was here" in "\n".join(step["data"]["now"])
    assert step["data"]["then"] != step["data"]["now"]
    assert asked["text"] == f"a look at file:{LIMITS}"


def test_where_one_of_two_hosts_moved_the_other_is_not_touched_either(ground: Ground) -> None:
    ground.makes_plan(on="web1,web2")
    ground.write(LIMITS, b"limit=1\n# moved\n", host="web2")
    code, said = ground.applies()
    assert code == 5
    assert "web2 is not as it was planned" in said
    assert ground.content(CONFIG, "web1") == ground.content(CONFIG, "web2") == RED


def test_it_expires(ground: Ground) -> None:
    ground.makes_plan("--lifetime", "1s")
    time.sleep(1.1)
    code, said = ground.applies()
    assert code == 5, said
    assert "it expired at" in said


def test_it_expires_also_while_somebody_is_asked(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    ground.makes_plan("--lifetime", "2s")

    def slow(_: str) -> str:
        time.sleep(2.1)
        return "yes"

    monkeypatch.setattr("remediate.cli.applying.asker", lambda: slow, raising=False)
    monkeypatch.setattr("remediate.cli.running.asker", lambda: slow)
    code, out, err = ground.does("apply", str(ground.plan))
    assert (code, "it expired at" in out + err) == (5, True)
    assert ground.content(CONFIG) == RED


def forged(ground: Ground, **changes: object) -> None:
    """Write another plan in place of the one that was made, with a right digest and the seal that was there."""
    sealed = read_document(ground.plan)
    ground.plan.write_text(written_document(sealed.document.model_copy(update=changes), sealed.seal))


@pytest.mark.parametrize("what", ["hosts", "title", "expires", "playbook_digest"])
def test_a_plan_that_somebody_made_up_is_refused_though_its_digest_is_right(
    ground: Ground, what: str
) -> None:
    ground.makes_plan()
    document = read_document(ground.plan).document
    (host,) = document.hosts
    values = {
        "hosts": (host.model_copy(update={"fixes": host.fixes[:1]}),),
        "title": "Nothing to see here",
        "expires": document.expires + 60.0,
        "playbook_digest": "0" * 64,
    }
    forged(ground, **{what: values[what]})
    code, said = ground.applies()
    assert (code, said.count("\n"), "made up" in said) == (5, 1, True)
    assert ground.content(CONFIG) == RED


def test_also_who_has_the_key_cannot_show_less_than_is_done(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground.makes_plan()
    monkeypatch.setattr("remediate.cli.applying.refuse_unsealed", lambda *_: None)
    (host,) = read_document(ground.plan).document.hosts
    first, second = host.fixes
    (change,) = second.changes
    less = second.model_copy(update={"changes": ()})
    other = second.model_copy(update={"changes": (change.model_copy(update={"diff": "-a\n+b"}),)})
    for fixes in ((first,), (second, first), (first, less), (first, other)):
        forged(ground, hosts=(host.model_copy(update={"fixes": fixes}),))
        assert ground.applies()[0] == 5
        ground.makes_plan()
    assert ground.content(LIMITS) == b"limit=1\n"


def test_a_plan_is_applied_where_it_was_made(ground: Ground) -> None:
    ground.makes_plan()
    code, said = ground.applies("--state", str(ground.here / "other"))
    assert (code, "was not made here" in said) == (5, True)


def test_no_secret_and_nothing_to_guess_one_by_is_in_it(ground: Ground) -> None:
    ground.write(CONFIG, b"# pin canary-token-1\ncolour=red\n")
    ground.makes_plan()
    text = ground.plan.read_text()
    assert "canary-token-1" not in text
    assert "# pin ***" in text
    code, out, _ = ground.does("plan", "two-files", "--on", "web1", "--json")
    assert code == 3
    assert json.loads(out)["digest"] not in text


def test_a_variable_that_holds_a_secret_has_no_place_in_it(ground: Ground) -> None:
    code, _, err = ground.does(
        *("plan", "two-files", "--on", "web1", "-o", str(ground.plan), "--var", "token=canary-token-1")
    )
    assert code == 2
    assert "canary-token-1" not in err
    assert not ground.plan.exists()


def key_of(folder: Path, name: str) -> tuple[Path, str]:
    path = folder / f"key-{name}"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path], check=True)
    return path, path.with_name(f"{path.name}.pub").read_text()


@pytest.fixture
def reviewers(ground: Ground) -> dict[str, Path]:
    """Ada and bob may approve; eve may not; so says the policy, which wants one approval, and two for `data`."""
    keys = {name: key_of(ground.here, name) for name in ("ada", "bob", "eve")}
    lines = (f'{name}@example.com namespaces="remediate-plan" {keys[name][1]}' for name in ("ada", "bob"))
    (ground.here / "inventory" / "approvers").write_text("".join(lines))
    ground.policy("approvals: 1, approvers: approvers, approvals_for: {config: 2}")
    return {name: path for name, (path, _) in keys.items()}


def test_without_the_signatures_that_the_policy_wants_nothing_is_done(
    ground: Ground, reviewers: dict[str, Path]
) -> None:
    code, out, err = ground.does("run", "two-files", "--on", "web1", "--yes")
    assert code == 4
    assert "wants 2 approvals" in out + err
    ground.makes_plan()
    assert ground.applies()[0] == 4
    assert ground.does("approve", str(ground.plan), "--key", str(reviewers["ada"]), "--yes")[0] == 0
    assert ground.does("approve", str(ground.plan), "--key", str(reviewers["ada"]), "--yes")[0] == 0
    code, said = ground.applies()
    assert code == 4
    assert "1 signed (ada@example.com)" in said
    assert ground.content(CONFIG) == RED
    code, out, err = ground.does("approve", str(ground.plan), "--key", str(reviewers["bob"]), "--yes")
    assert code == 0, err
    assert "Plan " in out
    code, said = ground.applies()
    assert code == 0, said
    assert ground.content(CONFIG) == b"# ours\ncolour=green\n"
    log = ground.does("audit", "export")[1]
    assert "ada@example.com" in log
    assert "BEGIN SSH SIGNATURE" in log


def test_a_signature_of_a_stranger_of_another_plan_or_of_the_one_who_applies_does_not_count(
    ground: Ground, reviewers: dict[str, Path]
) -> None:
    ground.makes_plan()
    assert ground.does("approve", str(ground.plan), "--key", str(reviewers["ada"]), "--yes")[0] == 0
    beside = ground.plan.with_name("plan.json.sig")
    replayed = beside.read_text()
    ground.makes_plan("--reason", "another one")
    beside.write_text(replayed)
    said = ground.applies()[1]
    assert "is not of this plan: it is another plan's" in said
    assert ground.does("approve", str(ground.plan), "--key", str(reviewers["eve"]), "--yes")[0] == 0
    assert "none that the approvers' file allows" in ground.applies()[1]
    own = ground.here / ".ssh"
    own.mkdir()
    for half in ("", ".pub"):
        os.link(f"{reviewers['bob']}{half}", own / f"id_ed25519{half}")
    assert ground.does("approve", str(ground.plan), "--yes")[0] == 0
    code, said = ground.applies()
    assert code == 4
    assert "of bob@example.com does not count: whoever applies a plan signs it in vain" in said
    beside.write_text("nonsense")
    code, said = ground.applies()
    assert (code, "more than signatures" in said) == (2, True)
    assert ground.content(CONFIG) == RED


def test_who_applies_is_known_by_name_and_by_a_key_without_a_public_half(
    ground: Ground, reviewers: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    ground.makes_plan()
    for name in ("ada", "bob"):
        assert ground.does("approve", str(ground.plan), "--key", str(reviewers[name]), "--yes")[0] == 0
    own = ground.here / ".ssh"
    own.mkdir()
    os.link(reviewers["bob"], own / "work")
    monkeypatch.setattr("remediate.cli.session._user", lambda: "ada")
    code, said = ground.applies()
    assert code == 4
    assert "of ada@example.com does not count" in said
    assert "of bob@example.com does not count" in said


def test_who_may_approve_cannot_be_altered_under_a_plan(ground: Ground, reviewers: dict[str, Path]) -> None:
    ground.makes_plan()
    approvers = ground.here / "inventory" / "approvers"
    eve = reviewers["eve"].with_name("key-eve.pub").read_text()
    approvers.write_text(approvers.read_text() + f"eve@example.com {eve}")
    code, said = ground.applies()
    assert code == 5
    assert "approvers" in said
