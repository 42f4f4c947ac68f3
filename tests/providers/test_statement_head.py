"""What is shown of a statement that somebody else runs: none of its values, wherever it is cut."""

from itertools import product

import pytest

from remediate.text.statement_head import statement_head

SECRET = "alice"
VALUES = (
    "'a--b alice'",
    "'it''s alice'",
    "'/* alice'",
    "'\"alice'",
    "'$$ alice'",
    r"E'it\'s alice -- '",
    r"e'\\' || 'alice'",
    "$$it's -- alice$$",
    '$q$ $$ "alice /* $q$',
    "B'1' || 'alice'",
)
OTHERS = (
    "-- it's alice\n",
    "/* \"alice' */",
    '"a--b"',
    '"it\'s"',
    '"$$"',
    '"a""b"',
    "name$$x",
    "täble_e",
    "$1",
    "x - -",
    "12.5e-3",
)


@pytest.mark.parametrize("first", [*VALUES, *OTHERS])
def test_no_value_is_shown_whatever_stands_beside_it(first: str) -> None:
    for second, third in product((*VALUES, *OTHERS), VALUES):
        assert SECRET not in statement_head(f"{first} {second} {third} ", 10_000)


@pytest.mark.parametrize("value", VALUES)
def test_no_value_is_shown_wherever_the_server_cut_the_statement(value: str) -> None:
    whole = f"SET n = {value} WHERE m = {value}"
    for end in range(len(whole)):
        assert SECRET not in statement_head(whole[:end], 10_000)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        (
            "UPDATE users SET note = 'a--b'\n WHERE email = 'alice@example.com'",
            "UPDATE users SET note = ? WHERE email = ?",
        ),
        ("SELECT 1 AS \"it's\", 'secret'", "SELECT ? AS ?, ?"),
        ("SELECT 1e10, 0xdead, .5, 1_000, 1-2, t1.c2, $1", "SELECT ?, ?, ?, ?, ?-?, t1.c2, $1"),
        ('SELECT "firstName" FROM "a b", "c""d"', 'SELECT "firstName" FROM ?, ?'),
        ('SELECT 1 WHERE m = "alice@example.com', "SELECT ? WHERE m = ?"),
        (r"SELECT 'a\' || 'b' secret", "SELECT ?"),
        ("SELECT /* a /* b */ secret */ 1", "SELECT"),
        ("SELECT n FROM t😀e'a\\' || 'secret'", "SELECT n FROM t😀e?"),
        ("SELECT U&'d!0061t' UESCAPE '!'", "SELECT U&? UESCAPE ?"),
        ("", ""),
    ],
)
def test_names_and_words_stay(query: str, shown: str) -> None:
    assert statement_head(query, 200) == shown


def test_one_that_is_long_is_cut() -> None:
    assert statement_head("SELECT one, two", 8) == "SELECT o…"
