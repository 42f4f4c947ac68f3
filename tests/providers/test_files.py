"""Files looked at, and a text in one replaced: what is refused, what is kept, how it comes back."""

import pytest
from pydantic import ValidationError

from remediate.errors import Conflict, Failed, Stale
from remediate.providers.edits import place_question, unified_diff
from remediate.providers.files import FilesContains, FilesExists
from remediate.providers.files_text import FilesReplace, replaced_once
from remediate.questions import Answers, Read, ReadAnswer, RunAnswer
from tests.laws.laws import carry_out, fresh_token, planned
from tests.laws.memory import File, MemoryWorld, State
from tests.laws.simulated import SCRIPTS

ROOT = "/srv/app"
REPLACE = FilesReplace(path="a.conf", root=ROOT, find="old", replace_with="new")


def world(content: bytes = b"old\n", **file: object) -> MemoryWorld:
    return MemoryWorld(State(files={f"{ROOT}/a.conf": File(content, **file)}), SCRIPTS)


def seen(check: FilesExists | FilesContains, answer: ReadAnswer):
    answers = Answers(dict.fromkeys(check.ask(), answer))
    return check.judge(answers, answers)


@pytest.mark.parametrize(
    ("answer", "wanted", "absent", "healthy"),
    [
        (ReadAnswer(exists=True), "any", False, True),
        (ReadAnswer(exists=True), "directory", False, False),
        (ReadAnswer(exists=True, kind_of_file="directory"), "directory", False, True),
        (ReadAnswer(exists=False), "any", False, False),
        (ReadAnswer(exists=False), "any", True, True),
        (ReadAnswer(exists=True), "any", True, False),
    ],
)
def test_a_file_is_there_or_is_not(answer, wanted, absent, healthy):
    assert seen(FilesExists(path="x", root=ROOT, type=wanted, absent=absent), answer).healthy is healthy


def test_a_pattern_is_found_on_its_line():
    check = FilesContains(path="x", root=ROOT, pattern=r"^port = \d+$")
    finding = seen(check, ReadAnswer(exists=True, content=b"a\r\nb\nport = 3000\n"))
    assert (finding.healthy, finding.facts, finding.evidence) == (
        True,
        {"lines": [3]},
        ("/srv/app/x:3: port = 3000",),
    )


def test_a_literal_text_is_no_pattern():
    check = FilesContains(path="x", root=ROOT, text="a.c")
    assert not seen(check, ReadAnswer(exists=True, content=b"abc")).healthy
    assert seen(check, ReadAnswer(exists=True, content=b"a.c")).healthy


def test_a_file_that_is_not_there_contains_nothing():
    assert not seen(FilesContains(path="x", root=ROOT, text="a"), ReadAnswer(exists=False)).healthy
    absent = seen(FilesContains(path="x", root=ROOT, text="a", absent=True), ReadAnswer(exists=False))
    assert absent.healthy
    assert absent.seen == "'a' is not in /srv/app/x, which is not there"


@pytest.mark.parametrize("words", [{}, {"text": "a", "pattern": "b"}, {"pattern": "("}])
def test_what_to_look_for_is_said_once_and_compiles(words):
    with pytest.raises(ValidationError):
        FilesContains(path="x", root=ROOT, **words)


@pytest.mark.parametrize(
    ("content", "find", "new", "after"),
    [
        (b"\xef\xbb\xbfa\r\nb\r\nlast", b"a\nb", b"c\nd", b"\xef\xbb\xbfc\r\nd\r\nlast"),
        (b"a\r\nb\n", b"b\n", b"c\n", b"a\r\nc\n"),
        (b"foo bar", b"foo bar", b"foo", b"foo"),
        (b"foo", b"foo bar", b"foo", b"foo"),
        (b"ab a", b"a", b"ab", b"ab ab"),
        (b"ab", b"a", b"ab", b"ab"),
        (b"x drop y", b" drop", b"", b"x y"),
        (b"x y", b" drop", b"", b"x y"),
        (b"\xff old \x00", b"old", b"new", b"\xff new \x00"),
    ],
)
def test_one_text_is_replaced_and_every_other_byte_stays(content, find, new, after):
    assert replaced_once("f", content, find, new) == after
    assert replaced_once("f", after, find, new) == after


@pytest.mark.parametrize(("content", "why"), [(b"old old", "2 times"), (b"neither", "not in it")])
def test_a_text_that_is_not_there_exactly_once_is_refused(content, why):
    with pytest.raises(Failed, match=why):
        planned(REPLACE, world(content).target())


def test_the_diff_shows_missing_line_ends_and_bytes_that_are_no_text():
    diff = unified_diff("/f", b"one\ntwo\xff", b"one\ntwo\n")
    assert diff.endswith("-two\\xff\n\\ No newline at end of file\n+two\n")


@pytest.mark.fault(26)
@pytest.mark.parametrize(
    ("path", "place", "why"),
    [
        ("../etc/passwd", b"", "outside"),
        ("/etc/passwd", b"", "outside"),
        ("current/a.conf", b"/srv/app\0/srv/app/releases/1/a.conf\0", "through a link"),
        ("a.conf", b"/srv/app\0/etc/a.conf\0", "through a link"),
    ],
)
def test_nothing_outside_the_root_or_behind_a_link_is_edited(path, place, why):
    action = REPLACE.model_copy(update={"path": path})
    answers = Answers(
        {
            Read(path=action.place): ReadAnswer(exists=True, content=b"old"),
            place_question(ROOT, action.place): RunAnswer(exit_code=0, stdout=place),
        }
    )
    with pytest.raises(Failed, match=why):
        action.plan(answers)


def test_a_root_that_is_a_link_itself_is_fine():
    answers = Answers(
        {
            Read(path=f"{ROOT}/a.conf"): ReadAnswer(exists=True, content=b"old"),
            place_question(ROOT, f"{ROOT}/a.conf"): RunAnswer(
                exit_code=0, stdout=b"/data/app\0/data/app/a.conf\0"
            ),
        }
    )
    assert len(REPLACE.plan(answers)) == 1


def test_a_link_and_a_missing_file_are_refused():
    with pytest.raises(Failed, match="is a link"):
        planned(REPLACE, world(link_to="b.conf").target())
    with pytest.raises(Failed, match="is not there"):
        planned(REPLACE, MemoryWorld(State(), SCRIPTS).target())


def test_a_file_that_changed_since_the_plan_is_left_alone():
    there = world()
    [change] = planned(REPLACE, there.target())
    there.state.files[f"{ROOT}/a.conf"].content = b"old, and more"
    for verb in (REPLACE.snapshot, REPLACE.apply):
        with pytest.raises(Stale, match="changed since"):
            verb(there.target().scoped(fresh_token()), change)
    assert there.state.files[f"{ROOT}/a.conf"].content == b"old, and more"


def test_what_somebody_changed_since_is_not_undone():
    there, undos = world(), []
    carry_out(REPLACE, there.target(), undos)
    there.state.files[f"{ROOT}/a.conf"].content = b"by hand"
    with pytest.raises(Conflict, match="somebody else"):
        REPLACE.undo(there.target().scoped(fresh_token()), undos[0])
    assert there.state.files[f"{ROOT}/a.conf"].content == b"by hand"
