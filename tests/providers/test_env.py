"""What is said of an app's environment: keys, places and fingerprints, and never a value."""

import base64
import copy
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from remediate.errors import CouldNotLook, Failed
from remediate.model import Finding, Plan, PlannedFix, Undo
from remediate.planner import NamedFix, plan_fixes
from remediate.providers.edits import PLACE_SCRIPT
from remediate.providers.env import EnvDatabase, EnvKeys, EnvProcess, EnvTidy, EnvValue
from remediate.providers.env_actions import EnvMend, EnvSet
from remediate.providers.env_door import word_for
from remediate.providers.env_host import key_question, read_key
from remediate.providers.env_marks import Marks
from remediate.providers.env_scripts import DOOR_SCRIPT, READ_SCRIPT
from remediate.providers.pm2_recreate import Pm2Recreate
from remediate.steps import Check
from remediate.text.dotenv import as_text, dotenv_secrets, entries, value_among
from tests.laws.command import CommandTarget
from tests.laws.environment_cases import AT, BACKEND, ENV, GIVEN, KEPT, env_world, tried
from tests.laws.laws import carry_out, planned
from tests.laws.memory import File
from tests.laws.simulated import said

RIGHT = b"URL=postgresql://a:right@db/a\n"
WRONG = b"URL=postgresql://a:wrong@db/a\n"


def judged(check: Check, content: bytes, **held: str) -> Finding:
    answers = env_world(content, held).target().answer(check.ask())
    return check.judge(answers, answers)


@pytest.mark.parametrize(
    ("content", "facts"),
    [
        (b"URL=1\nURL=1\n", ["URL"]),
        (b"A=1URL=postgresql://u:p@h/d\n", ["URL"]),
        (b"URL=1#2\n", ["URL"]),
        (b"URL=1 # two\nA=1\nA=2\n", []),
    ],
)
def test_a_file_that_says_a_thing_twice_or_by_half_is_untidy(content: bytes, facts: list[str]) -> None:
    finding = judged(EnvTidy(backend=BACKEND, keys=["URL"]), content)
    assert sorted({key for keys in finding.facts.values() for key in keys}) == facts
    assert finding.healthy is not bool(facts)


def test_a_last_line_without_an_end_is_untidy_where_that_matters() -> None:
    assert not judged(EnvTidy(backend=BACKEND), b"A=1").healthy
    assert judged(EnvTidy(backend=BACKEND, ended=False), b"A=1").healthy


def test_the_keys_that_an_example_names_must_be_there() -> None:
    world = env_world(b"A=\n")
    world.state.files[f"{BACKEND}/.env.example"] = File(b"# all\nA=x\nB=y\n")
    check = EnvKeys(backend=BACKEND, example=".env.example")
    answers = world.target().answer(check.ask())
    assert check.judge(answers, answers).facts == {"missing": ["B"]}
    assert judged(EnvKeys(backend=BACKEND, keys=["A"]), b"A=\n").healthy


def test_a_value_is_compared_with_a_secret_and_neither_is_shown() -> None:
    check = EnvValue(backend=BACKEND, key="URL", secret="database_url")
    assert judged(check, f"URL={GIVEN}\n".encode()).healthy
    other = judged(check, RIGHT)
    assert not other.healthy
    assert "right" not in other.seen
    assert "app@db/app: a@db/a (•" in other.seen


@pytest.mark.parametrize(("content", "healthy"), [(RIGHT, True), (b"URL=postgresql://a:pa#ss@db/a\n", False)])
def test_a_database_url_is_one_whose_parts_can_be_told_apart(content: bytes, healthy: bool) -> None:
    assert judged(EnvValue(backend=BACKEND, key="URL", form="database-url"), content).healthy is healthy


def test_what_the_process_was_given_is_compared_with_what_the_file_says() -> None:
    check = EnvProcess(backend=BACKEND, app="app", keys=["URL"])
    assert judged(check, RIGHT).healthy, "it reads the file"
    assert judged(check, RIGHT, URL="postgresql://a:right@db/a").healthy, "it was given the same"
    other = judged(check, RIGHT, URL="postgresql://a:wrong@db/a")
    assert (other.healthy, other.facts) == (False, {"held": True, "older": False})
    assert "wrong" not in other.seen


def test_a_process_that_began_before_the_file_was_changed_has_not_read_it() -> None:
    world = env_world(RIGHT)
    world.state.files[ENV].changed_ns = 2 * 10**6
    check = EnvProcess(backend=BACKEND, app="app", keys=["URL"])
    answers = world.target().answer(check.ask())
    assert check.judge(answers, answers).facts == {"held": False, "older": True}


def test_the_database_is_asked_with_the_value_that_counts() -> None:
    check = EnvDatabase(backend=BACKEND, key="URL")
    assert judged(check, WRONG + RIGHT).facts == {"state": "ok", "code": ""}
    refused = judged(check, RIGHT + WRONG)
    assert refused.facts == {"state": "auth", "code": "28P01"}
    assert refused.seen.startswith("a@db/a: the password is not accepted (28P01)")
    assert judged(check, b"").facts["state"] == "missing"


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("", "ok"),
        ("28P01", "auth"),
        ("28000", "auth"),
        ("3D000", "no-database"),
        ("53300", "too-many"),
        ("57P03", "starting"),
        ("ECONNREFUSED", "refused"),
        ("ENOTFOUND", "no-host"),
        ("EAI_AGAIN", "no-host"),
        ("ESILENT", "silent"),
        ("ETLS", "tls"),
        ("SELF_SIGNED_CERT_IN_CHAIN", "tls"),
        ("EURL", "bad-url"),
        ("XX000", "other"),
    ],
)
def test_each_way_of_not_being_let_in_is_told_apart(code: str, state: str) -> None:
    assert word_for(code).state == state


SPECIAL = st.text(st.sampled_from("aB1@#?/:&=%' "), min_size=4, max_size=20)


@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=4, max_size=20) | SPECIAL,
    st.booleans(),
)
def test_no_password_is_ever_in_what_is_shown_of_a_url(password: str, encoded: bool) -> None:
    for shape in (
        "postgresql://u:{}@h:5432/d?schema=s",
        "postgresql://u:{}",
        "postgres://u:{}@h/dURL=x",
        "{}",
    ):
        content = f"URL={shape.format(quote(password, safe='') if encoded else password)}\n".encode()
        value = value_among(entries(as_text(content)), "URL")
        if not value:
            continue
        marks = Marks(b"key")
        told = marks.shown(value, content)
        assume(not any(one in f"u@h:5432/d (•{marks.of(value)})" for one in pieces(password)))
        assert not any(one in told for one in pieces(password)), told
        assert value == password or marks.of(password)[:8] not in told, "nor the mark of it alone"


def pieces(password: str) -> list[str]:
    """Return what somebody might recognise a password by."""
    return [password[begin : begin + 4] for begin in range(len(password) - 3)]


@pytest.mark.parametrize(
    "line",
    [
        "postgresql://u:tr@ub4dor/Horse#9@db.prod/app",
        '"postgresql://u:tr@ub4dor/Horse#9@db.prod/app"',
        "postgresql://u:tr@ub4dor/Horse #9@db.prod/app",
        "postgresql://u:tr@ub4dor/Horse?9@db.prod/app",
    ],
)
def test_no_place_is_shown_where_a_password_may_be_part_of_it(line: str) -> None:
    content = f"URL={line}\n".encode()
    finding = judged(EnvValue(backend=BACKEND, key="URL", form="database-url"), content)
    assert "ub4dor" not in finding.seen
    assert not finding.healthy
    assert any("ub4dor" in secret for secret in dotenv_secrets(content)), (
        "and it is masked wherever it turns up"
    )


def test_a_mark_is_made_with_the_whole_file_and_the_same_here_as_on_the_host(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(RIGHT)
    target = CommandTarget()
    key = target.answer([key_question(str(file))])[key_question(str(file))]
    assert read_key(key).of("x") == Marks.under(str(file), RIGHT).of("x")
    assert Marks.under(str(file), RIGHT).of("x") != Marks.under(str(file), RIGHT + b"A=1\n").of("x")
    assert Marks.under(str(file), b"").of("x") == ""
    gone = key_question(str(tmp_path / "gone"))
    assert read_key(target.answer([gone])[gone]).of("x") == "", (
        "nothing is marked under a key that anybody can make"
    )


def test_a_new_url_that_the_database_refuses_is_not_written() -> None:
    world = env_world(RIGHT)
    world.scripts = {**world.scripts, READ_SCRIPT: lambda _state, _args: said("postgresql://a:wrong@db/a\n")}
    world.scripts[DOOR_SCRIPT] = lambda state, args: tried(state, args[1], ["postgresql://a:wrong@db/a"])
    action = EnvSet(key="URL", secret="database_url", trial=True, **AT)
    with pytest.raises(Failed, match="URL is not changed: a@db/a: the password is not accepted"):
        planned(action, world.target())
    assert world.state.files[ENV].content == RIGHT


@pytest.mark.parametrize("wrong", [{"value": "x", "trial": True}, {"value": "redis://:hunter2@cache/0"}])
def test_no_password_is_asked_for_in_a_playbook(wrong: dict) -> None:
    with pytest.raises(ValidationError, match="belongs into the inventory") as error:
        EnvSet(key="URL", **wrong, **AT)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    "content",
    [b"URL=postgresql://a:busy@db/a\n", b"URL=postgresql://a:right@db/a\nURL=postgresql://a:busy@db/a\n"],
)
def test_an_app_is_not_led_elsewhere_for_what_may_be_over_in_a_minute(content: bytes) -> None:
    assert planned(EnvMend(key="URL", secret="database_url", **AT), env_world(content).target()) == ()


def test_from_where_to_where_an_edit_leads_is_confirmed_with_it() -> None:
    for action in (
        EnvMend(key="URL", secret="database_url", **AT),
        EnvSet(key="URL", secret="database_url", **AT),
    ):
        (change,) = planned(action, env_world(WRONG).target())
        assert change.what.endswith("URL in /srv/lumiku/backend/.env: a@db/a -> app@db/app")


@pytest.mark.parametrize(
    "content", [b"URL=postgresql://a:right@db/a", b"A='1\nURL=postgresql://a:right@db/a\n"]
)
def test_a_file_that_leads_into_the_database_is_left_as_it_is(content: bytes) -> None:
    world = env_world(content)
    world.scripts = {
        **world.scripts,
        PLACE_SCRIPT: lambda _state, _args: said("/srv/lumiku\0/elsewhere/.env\0"),
    }
    assert planned(EnvMend(key="URL", **AT), world.target()) == (), (
        "a link is no trouble where nothing is written"
    )


def test_a_command_that_names_the_variable_is_not_taken_apart() -> None:
    content = (
        b"SEED=xURL=postgresql://a:wrong@db/a\nURL=postgresql://a:right@db/a\nURL=postgresql://a:right@db/a\n"
    )
    world = env_world(content)
    carry_out(EnvMend(key="URL", **AT), world.target(), [])
    assert world.state.files[ENV].content == content.replace(b"URL=postgresql://a:right@db/a\n", b"", 1)


def test_a_secret_that_the_inventory_has_not_got_is_told() -> None:
    world = env_world(RIGHT)
    world.scripts = {text: script for text, script in world.scripts.items() if "cat" not in text.split()[-1:]}
    with pytest.raises(Failed, match="has no secret named nope"):
        planned(EnvSet(key="URL", secret="nope", **AT), world.target())


def test_nothing_is_mended_where_nothing_is_let_in() -> None:
    world = env_world(WRONG + WRONG)
    assert planned(EnvMend(key="URL", **AT), world.target()) == ()


def test_a_url_that_works_is_never_changed_for_another_that_works() -> None:
    world = env_world(b"URL=right\nA=1URL=postgresql://a:right@db/a\n")
    carry_out(EnvMend(key="URL", secret="database_url", **AT), world.target(), [])
    assert world.state.files[ENV].content == b"A=1\nURL=right\n"


def test_neither_a_plan_nor_a_way_back_holds_a_value() -> None:
    world, undos = env_world(WRONG + b"TOKEN=horse-battery\nURL=right-not"), []
    action = EnvMend(key="URL", secret="database_url", **AT)
    (change,) = planned(action, world.target())
    fix = PlannedFix(step="s", action=action.kind, parameters=action.parameters, changes=(change,))
    plan = Plan(playbook="p", playbook_digest="d", environment="e", host="h", findings=(), fixes=(fix,))
    carry_out(action, world.target(), undos)
    assert "URL=" in plan.model_dump_json(), "the names may be seen"
    for secret in ("wrong", "right", "horse", base64.b64encode(b"TOKEN=horse-").decode()):
        assert secret not in plan.model_dump_json()
        assert all(secret not in undo.model_dump_json() for undo in undos)
    (kept,) = [one for path, one in world.state.files.items() if ".remediate-" in path]
    assert (kept.mode, kept.owner) == (0o600, "app")


def test_somebody_elses_change_is_not_overwritten_by_the_way_back() -> None:
    world, undos = env_world(WRONG + RIGHT + WRONG), []
    action = EnvMend(key="URL", **AT)
    carry_out(action, world.target(), undos)
    world.state.files[ENV].content += b"B=1\n"
    with pytest.raises(Exception, match="somebody else") as error:
        action.undo(world.target(), undos[0])
    assert type(error.value).__name__ == "Conflict"
    assert world.state.files[ENV].content == RIGHT + b"B=1\n"


def test_an_app_that_was_given_the_same_value_is_not_started_anew() -> None:
    action = Pm2Recreate(app="app", keys=["URL"], backend=BACKEND)
    held = {"URL": "postgresql://a:right@db/a"}
    assert planned(action, env_world(RIGHT, held).target()) == ()
    assert planned(action, env_world(b"A=1\n", held).target()) == (), "the file says nothing of it"
    world = env_world(RIGHT, {"URL": "postgresql://a:wrong@db/a"})
    carry_out(action, world.target(), [])
    assert [path for path in world.state.files if path.startswith(KEPT)]
    assert world.state.processes["app"]["held"] == {}


@pytest.mark.parametrize(
    ("content", "held", "why"),
    [
        (RIGHT, GIVEN, "app@db/app, it lets the app in; .* says a@db/a, it lets the app in"),
        (WRONG, GIVEN, "app@db/app, it lets the app in; .* says a@db/a, the password is not accepted"),
        (RIGHT, "postgresql://a:busy@other/a", "no connection is left for it"),
    ],
)
def test_an_app_that_may_work_with_what_pm2_holds_is_left_to_a_person(
    content: bytes, held: str, why: str
) -> None:
    action = Pm2Recreate(app="app", keys=["URL"], backend=BACKEND)
    world = env_world(content, {"URL": held})
    with pytest.raises(Failed, match=why):
        planned(action, world.target())
    assert world.state.processes["app"]["held"] == {"URL": held}


def test_an_app_is_not_started_anew_where_that_would_help_nobody() -> None:
    action = Pm2Recreate(app="app", keys=["URL"], backend=BACKEND)
    assert planned(action, env_world(WRONG, {"URL": "postgresql://a:wrong@other/a"}).target()) == ()
    (change,) = planned(action, env_world(RIGHT, {"URL": "x"}).target())
    assert "pm2 save" in " ".join(change.notes)


def test_an_app_is_started_anew_on_what_an_earlier_step_writes() -> None:
    world = env_world(WRONG + RIGHT + WRONG, {"URL": "postgresql://a:wrong@old/a"})
    mend, anew = EnvMend(key="URL", **AT), Pm2Recreate(app="app", keys=["URL"], backend=BACKEND)
    answers = world.target().answer((*mend.ask(), *anew.ask()))
    first, second = plan_fixes([NamedFix("a", mend), NamedFix("b", anew)], answers)
    assert [one.assumed for one in (*first.changes, *second.changes)] == ["", ""]
    given = EnvMend(key="URL", secret="database_url", **AT)
    world = env_world(WRONG, {"URL": "postgresql://a:wrong@old/a"})
    answers = world.target().answer((*given.ask(), *anew.ask()))
    _, second = plan_fixes([NamedFix("a", given), NamedFix("b", anew)], answers)
    (change,) = second.changes
    assert change.assumed
    carry_out(given, world.target(), [])
    (fresh,) = planned(anew, world.target())
    assert fresh.outline.same_as(change.outline)
    assert not fresh.assumed


def test_two_apps_with_one_url_keep_two_ways_back_and_a_lost_one_is_told() -> None:
    world = env_world(RIGHT, {"URL": "postgresql://a:wrong@db/a"})
    world.state.processes["b"] = copy.deepcopy(world.state.processes["app"])
    undos: list[Undo] = []
    one, two = (Pm2Recreate(app=app, keys=["URL"], backend=BACKEND) for app in ("app", "b"))
    carry_out(one, world.target(), undos)
    carry_out(two, world.target(), undos)
    kept = [path for path in world.state.files if path.startswith(KEPT)]
    assert len(kept) == 2
    for path in kept:
        del world.state.files[path]
    with pytest.raises(Failed):
        one.undo(world.target(), undos[0])


def test_a_directory_where_the_file_should_be_cannot_be_looked_at() -> None:
    world = env_world()
    world.state.files = {f"{ENV}/inside": File()}
    check = EnvTidy(backend=BACKEND)
    answers = world.target().answer(check.ask())
    with pytest.raises(CouldNotLook, match="is a directory"):
        check.judge(answers, answers)


def test_every_fault_of_the_environment_says_who_knows_it() -> None:
    faults = sorted((Path(__file__).parents[2] / "vagrant" / "faults").glob("database-*.sh"))
    assert len(faults) == 8
    for fault in faults:
        assert ": database-unreachable\n" in fault.read_text(), fault.name
