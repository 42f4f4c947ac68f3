"""A file that bears secrets: what is shown of it, where its old bytes lie, and what is written down."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediate.errors import Conflict, Failed, Stale
from remediate.model import Undo
from remediate.providers.files import FilesContains
from remediate.providers.files_text import FilesReplace
from remediate.providers.secret_files import Seal
from remediate.providers.secret_lines import bears_secrets
from tests.laws.laws import fresh_token, planned
from tests.laws.memory import File, MemoryWorld, State
from tests.laws.simulated import SCRIPTS

ROOT, PATH = "/srv/app", "/srv/app/.env"
CONTENT = b'# KEY="commented-canary"\nAPI_TOKEN=canary-token\nMANY="canary\nlines"\nLOG=no\nPIN=1234'
REPLACE = FilesReplace(path=".env", root=ROOT, find="LOG=no", replace_with="LOG=yes")


def world() -> MemoryWorld:
    return MemoryWorld(State(files={PATH: File(CONTENT, mode=0o644, owner="app")}), SCRIPTS)


def done(place: MemoryWorld) -> Undo:
    (change,) = planned(REPLACE, place.target())
    target = place.target().scoped(fresh_token())
    undo = REPLACE.snapshot(target, change)
    REPLACE.apply(target, change)
    return undo


@pytest.mark.fault(19)
def test_what_is_written_down_of_a_change_and_of_its_way_back_holds_nothing_of_the_file() -> None:
    place = world()
    (change,) = planned(REPLACE, place.target())
    undo = done(place)
    for written in (change.model_dump_json(), undo.model_dump_json(exclude={"parameters"}), change.diff):
        for secret in (b"canary", b"1234", CONTENT):
            assert secret.decode() not in written
            for offset in range(3):
                bits = base64.b64encode(b"\0" * offset + secret)[
                    (0, 2, 3)[offset] : (offset + len(secret)) // 3 * 4
                ]
                assert len(bits) < 6 or bits.decode() not in written
    assert change.diff.count("LOG=‹") == 2
    assert "API_TOKEN=‹" in change.diff
    assert place.state.files[PATH].content == CONTENT.replace(b"LOG=no", b"LOG=yes")


def test_the_old_bytes_stay_beside_the_file_for_its_owner_alone() -> None:
    place = world()
    done(place)
    (copy,) = [path for path in place.state.files if path.startswith(f"{PATH}.remediate-")]
    kept = place.state.files[copy]
    assert (kept.content, kept.mode, kept.owner) == (CONTENT, 0o600, "app")


def test_what_somebody_changed_since_stays_and_so_does_the_copy() -> None:
    place = world()
    undo = done(place)
    place.state.files[PATH].content += b"\nMORE=1"
    with pytest.raises(Conflict, match="changed by somebody else"):
        REPLACE.undo(place.target(), undo)
    assert len(place.state.files) == 2


def test_without_its_copy_a_file_cannot_be_put_back_and_says_so() -> None:
    place = world()
    undo = done(place)
    del place.state.files[next(path for path in place.state.files if path != PATH)]
    with pytest.raises(Failed, match="its old bytes are not in"):
        REPLACE.undo(place.target(), undo)


def test_a_file_that_changed_since_the_plan_is_stale() -> None:
    place = world()
    (change,) = planned(REPLACE, place.target())
    place.state.files[PATH].content += b"\nMORE=1"
    with pytest.raises(Stale):
        REPLACE.apply(place.target(), change)
    assert len(place.state.files) == 1


def test_evidence_from_such_a_file_is_a_name_and_a_fingerprint() -> None:
    check = FilesContains(path=".env", root=ROOT, pattern="^API_TOKEN=")
    answers = world().target().answer(check.ask())
    (line,) = check.judge(answers, answers).evidence
    assert line.startswith(f"{PATH}:2: API_TOKEN=‹")
    assert "canary" not in json.dumps(check.judge(answers, answers).model_dump(mode="json"))


@pytest.mark.parametrize(
    ("name", "secret"),
    [(".env", 1), (".env.local", 1), ("app.env", 1), ("server.key", 1), ("tls.pem", 1), (".npmrc", 1), (".pgpass", 1),
     ("id_ed25519", 1), (".env-production", 1),
     (".env_local", 1), (".envrc", 1), (".env~", 1), ("env.production", 1), (".git-credentials", 1), ("id_rsa.bak", 1),
     ("ecosystem.config.cjs", 1), (".npmrc~", 1), ("TLS.PEM", 1), ("env.ts", 0), ("env.d.ts", 0), ("id_rsa.pub", 0),
     (".envoy", 0), ("environment.ts", 0), ("index.ts", 0), ("keys.ts", 0), ("package.json", 0)],
)  # fmt: skip
def test_a_files_name_says_whether_it_bears_secrets(name: str, secret: int) -> None:
    assert bears_secrets(f"/srv/app/{name}") is bool(secret)


@settings(max_examples=20, deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=6, max_size=20))
def test_no_value_of_a_line_is_shown_whatever_it_is(value: str) -> None:
    shown = "".join(Seal(PATH, b"x").lines(f"NAME={value}\n".encode()))
    for part in value.splitlines():
        assert not part.strip() or len(part) < 6 or part not in shown


def test_the_same_value_has_the_same_fingerprint_and_in_another_file_another_one() -> None:
    one, other = Seal(PATH, b"one"), Seal(PATH, b"other")
    assert one.lines(b"A=1") == one.lines(b"A=1") != one.lines(b"A=2")
    assert one.lines(b"A=1") != other.lines(b"A=1")


SECRET_ENDS = (
    b"QyNTUxOQAAACBAbCdEfGhIjKl=",
    b"Zm9vYmFyc2VjcmV0==",
    b"hunter2:foo bar",
    b"hunter2 = x",
    b"# hunter2=x",
)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".env", b"\n".join(SECRET_ENDS[:3] + SECRET_ENDS[4:])),
        *((name, b"\n".join(SECRET_ENDS)) for name in ("a.pem", "b.key", "id_rsa", ".pgpass", ".envrc", "env.key")),
        *((".env", b"OPEN=" + quote + b"first\nhunter2=x\nlast" + quote) for quote in (b'"', b"'", b"`")),
        (".env", b'OPEN=it"s\nhunter2=x'),
        (".env", b"# OPEN='first\nhunter2=x'"),
        (".env", b'OPEN="a \\" b\nhunter2=x"'),
        (".env", b"OPEN=first\\\nhunter2=x"),
        (".env", b"OPEN=-----BEGIN KEY-----\nhunter2=x\n-----END KEY-----"),
        (".env", b"OPEN=$(cat <<X\n-----BEGIN\n-----END\nhunter2=x\nX\n)"),
        (".env", "OPEN=first\u2028hunter2=x\x0chunter2=y".encode()),
    ],
)  # fmt: skip
def test_what_may_be_a_piece_of_a_secret_is_not_shown_as_a_name(name: str, content: bytes) -> None:
    shown = "".join(Seal(f"/srv/app/{name}", b"x").lines(content))
    for piece in ("hunter2", "QyNTUx", "Zm9vYm", "first", "last"):
        assert piece not in shown


def test_names_beyond_doubt_are_shown_also_after_a_value_of_many_lines() -> None:
    content = b"# don't\nexport A=1\nB=\"x\ny\" # it's\nC = 2\nD=-----BEGIN K\nz\n-----END K\nE=`q`\n"
    shown = Seal(PATH, b"x").lines(content)
    names = [line.split("‹")[0] for line in shown]
    assert names == ["", "export A=", "B=", "", "C =", "D=", "", "", "E="]


def test_evidence_from_the_middle_of_a_value_of_many_lines_shows_nothing_of_it() -> None:
    place = MemoryWorld(State(files={PATH: File(b'KEY="one\nhunter2=two\n"\n', owner="app")}), SCRIPTS)
    check = FilesContains(path=".env", root=ROOT, pattern="hunter|^$")
    answers = place.target().answer(check.ask())
    evidence = check.judge(answers, answers).evidence
    assert [line.split("‹")[0] for line in evidence] == [f"{PATH}:2: ", f"{PATH}:4: "]
