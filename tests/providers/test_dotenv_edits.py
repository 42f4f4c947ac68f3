"""A `.env` file edited: what is not meant stays as it is, to the byte; what is meant is what dotenv then reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediate.text.dotenv import as_text, entries, value_among
from remediate.text.dotenv_edits import glued, is_ended, unglued, whole_line, with_value, without

LINES = st.lists(
    st.sampled_from(
        [
            b"# a comment",
            b"",
            b"A=1",
            b"A='one' # why",
            b"export A = two words  # which",
            b'B="x\ny"',
            b"B=p#q",
            b"URL=postgresql://u:p@h/d",
            b"  C: z",
            b"no line at all",
            b"D=\xff",
        ]
    ),
    max_size=7,
)
ENDS = st.sampled_from([b"\n", b"\r\n"])
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=12)


def read(content: bytes, key: str) -> str | None:
    return value_among(entries(as_text(content)), key)


def all_read(content: bytes) -> dict[str, str | None]:
    return {entry.key: read(content, entry.key) for entry in entries(as_text(content))}


@given(LINES, ENDS, st.booleans(), st.sampled_from("ABNEW"), VALUES)
def test_a_value_that_is_set_is_read_once_and_nothing_else_reads_otherwise(
    lines: list[bytes], end: bytes, ended: bool, key: str, value: str
) -> None:
    before = end.join(lines) + (end if ended else b"")
    try:
        after = with_value(before, key, value)
    except ValueError:
        return  # no quotation marks fit around it: refused, not mangled
    assert read(after, key) == value
    assert [entry.key for entry in entries(as_text(after))].count(key) == 1
    assert {**all_read(before), key: value} == all_read(after)
    assert is_ended(after)
    assert with_value(after, key, value) == after, "twice is once"
    comments = [line for line in before.splitlines() if line.startswith(b"#")]
    assert [line for line in after.splitlines() if line.startswith(b"#")] == comments


@given(LINES, ENDS, st.sampled_from("AB"))
def test_what_is_unset_is_gone_and_the_rest_is_untouched(lines: list[bytes], end: bytes, key: str) -> None:
    before = end.join([*lines, b""])
    after = without(before, key)
    assert read(after, key) is None
    assert all_read(after) == {name: value for name, value in all_read(before).items() if name != key}


def test_quotes_comment_and_line_ends_are_kept() -> None:
    before = b"\xef\xbb\xbf# ours\r\nexport A = 'old' # why\r\nB=2"
    assert with_value(before, "A", "new#1") == b"\xef\xbb\xbf# ours\r\nexport A = 'new#1' # why\r\nB=2\r\n"
    assert (
        with_value(before, "B", "a # b") == b"\xef\xbb\xbf# ours\r\nexport A = 'old' # why\r\nB=\"a # b\"\r\n"
    )


def test_of_duplicates_the_one_that_counted_stays() -> None:
    assert with_value(b"A=1 # one\nB=2\nA=3 # three\n", "A", "4") == b"B=2\nA=4 # three\n"


def test_what_an_unquoted_hash_cut_off_goes_with_the_value_and_a_comment_stays() -> None:
    before = b"A=pa#ss # since May\n"
    (entry,) = entries(as_text(before))
    assert (entry.value, entry.is_cut, whole_line(entry)) == ("pa", True, "pa#ss")
    assert with_value(before, "A", "pa#ss") == b'A="pa#ss" # since May\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"A=1URL=p://x\n", b"A=1\nURL=p://x\n"),
        (b'URL="x"URL="y"', b'URL="x"\nURL="y"\n'),
        (b"URL=p://xURL=p://yURL=p://z\r\n", b"URL=p://x\r\nURL=p://y\r\nURL=p://z\r\n"),
        (b"A=1URL='p://x'\n", b"A=1\nURL='p://x'\n"),
    ],
)
def test_a_line_that_was_glued_to_another_gets_a_line_of_its_own(before: bytes, after: bytes) -> None:
    assert glued(entries(as_text(before)), "URL")
    assert unglued(before, ["URL"]) == after


@pytest.mark.parametrize(
    "content",
    [
        b"A=URL=p://x npm run seed\n",
        b"A=yURL=p://x npm run seed\n",
        b"A=URL=p://x\n",
        b"A=1URL=x\n",
        b"A=cross-env URL=p://x\n",
        b"MY_URL=1\n",
        b"A='xURL=y'\n",
        b"A=x # URL=y\n",
        b"A=http://h/?URL=y&URL=z\n",
        b"#URL=x\n",
    ],
)
def test_what_only_looks_like_a_glued_line_is_left_alone(content: bytes) -> None:
    assert unglued(content, ["URL"]) == content


def test_a_value_that_cannot_be_written_is_refused_without_being_told() -> None:
    with pytest.raises(ValueError, match="no quotation marks") as error:
        with_value(b"", "A", "secret'\"`\n")
    assert "secret" not in str(error.value)


def test_what_is_not_wanted_stays_in_the_value_of_another_variable() -> None:
    content = b"A=1URL=p://x\nB=2URL=p://y\n"
    assert unglued(content, ["URL"], lambda value: value == "p://y") == b"A=1URL=p://x\nB=2\nURL=p://y\n"
