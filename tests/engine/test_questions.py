import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediate.errors import CouldNotLook
from remediate.questions import (
    Answers,
    Fetch,
    FetchAnswer,
    NotKnown,
    Query,
    QueryAnswer,
    Read,
    ReadAnswer,
    Run,
    RunAnswer,
    Unanswered,
    Uncertain,
    touches,
)

FILE = Read(path="/srv/app/src/a.ts")
LISTING = Run(script="ls", about=("file:/srv/app/src",))
OTHER = Run(script="ps", about=("process:app",))


def test_an_answer_that_the_host_could_not_give_is_refused_by_name() -> None:
    answers = Answers({OTHER: Unanswered(reason="ps is missing")}, where="web1")
    with pytest.raises(CouldNotLook, match="web1: ps is missing"):
        answers[OTHER]


def test_a_change_makes_uncertain_what_depends_on_it_and_nothing_else() -> None:
    known = Answers(
        {FILE: ReadAnswer(exists=True), LISTING: RunAnswer(exit_code=0), OTHER: RunAnswer(exit_code=0)}
    )
    after = known.after(
        ("file:/srv/app/src/a.ts",), {FILE: ReadAnswer(exists=True, content=b"new")}, "an edit"
    )
    assert after[FILE].content == b"new"
    assert after.raw(LISTING) == Uncertain(because="an edit")
    assert after[OTHER].exit_code == 0
    with pytest.raises(NotKnown):
        after[LISTING]
    assert known[LISTING].exit_code == 0


@pytest.mark.parametrize(
    ("one", "other", "related"),
    [
        ("file:/srv/app", "file:/srv/app/src/a.ts", True),
        ("file:/srv/app/src/a.ts", "file:/srv/app", True),
        ("file:/srv/app", "file:/srv/application", False),
        ("file:/", "file:/srv", True),
        ("process:app", "process:app-worker", False),
        ("table:a", "table:a", True),
    ],
)
def test_a_file_fact_covers_what_is_below_it_and_no_namesake(one: str, other: str, related: bool) -> None:
    assert touches((one,), (other,)) is related


@given(
    st.binary(max_size=200),
    st.text(max_size=50),
    st.lists(st.tuples(st.none() | st.integers() | st.text(max_size=5) | st.booleans()), max_size=4),
)
def test_a_recording_gives_back_every_question_and_answer(
    raw: bytes, text: str, rows: list[tuple[object]]
) -> None:
    answers = Answers(
        {
            Run(script=text, args=(text,)): RunAnswer(exit_code=1, stdout=raw),
            Read(path="/x"): ReadAnswer(exists=True, content=raw),
            Query(sql="SELECT 1", parameters=(text, 1, None)): QueryAnswer(columns=("a",), rows=tuple(rows)),
            Fetch(url="http://localhost"): FetchAnswer(status=200, body=raw),
            OTHER: Unanswered(reason=text),
        }
    )
    again = Answers.from_json(answers.to_json())
    assert dict(again.items_raw()) == dict(answers.items_raw())


def test_only_what_has_no_answer_is_missing_each_once() -> None:
    answers = Answers({FILE: ReadAnswer(exists=False)})
    assert answers.missing([FILE, OTHER, OTHER, LISTING]) == (OTHER, LISTING)
