"""A database URL as Prisma and node-postgres write it, and the `.env` file it stands in."""

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediate.errors import CouldNotLook
from remediate.questions import ReadAnswer
from remediate.text.dotenv import dotenv_secrets, dotenv_value, required_value
from remediate.transport.database_url import DatabaseUrl, libpq_settings


def read(rest: str) -> DatabaseUrl:
    return libpq_settings(f"postgresql://{rest}")


def test_what_only_prisma_knows_is_translated_or_dropped() -> None:
    url = read(
        "u:p@h:5433/d?schema=mine&connection_limit=5&pool_timeout=2&sslaccept=strict&connect_timeout=3"
    )
    assert url.destinations == (("h", 5433),)
    assert (url.user, url.password, url.dbname, url.schema_name) == ("u", "p", "d", "mine")
    assert url.options == (("connect_timeout", "3"),)
    assert url.dropped == ("connection_limit", "pool_timeout", "sslaccept")
    assert url.shown() == "u@h:5433/d"


@pytest.mark.parametrize(
    ("rest", "destinations"),
    [
        ("u@h/d", (("h", 5432),)),
        ("u@/d", (("localhost", 5432),)),
        ("u@[::1]:6000/d", (("::1", 6000),)),
        ("u@a:1,b,[fe80::1]/d", (("a", 1), ("b", 5432), ("fe80::1", 5432))),
        ("u@localhost/d?host=/var/run/postgresql", ("/var/run/postgresql/.s.PGSQL.5432",)),
        ("u@%2Fvar%2Frun%2Fpostgresql:5433/d", ("/var/run/postgresql/.s.PGSQL.5433",)),
        ("u@h/d?port=7000", (("h", 7000),)),
    ],
)
def test_every_form_of_an_address_is_read(rest, destinations) -> None:
    assert read(rest).destinations == destinations


def test_what_is_missing_has_the_drivers_defaults() -> None:
    url = read("me@h")
    assert (url.dbname, url.schema_name, url.password, url.pooled, url.tls_demanded) == (
        "me",
        "public",
        "",
        False,
        False,
    )


@pytest.mark.parametrize(
    ("rest", "pooled"),
    [("u@h:6432/d", True), ("u@h/d?pgbouncer=true", True), ("u@h:5432/d?pgbouncer=false", False)],
)
def test_a_pooler_is_noticed(rest, pooled) -> None:
    assert read(rest).pooled is pooled


def test_a_certificate_in_prismas_words_is_the_authoritys() -> None:
    assert read("u@h/d?sslmode=require&sslcert=ca.pem").options == (
        ("sslmode", "require"),
        ("sslrootcert", "ca.pem"),
    )
    assert read("u@h/d?sslmode=verify-full").tls_demanded


@given(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
def test_percent_encoding_carries_any_text(user, password, dbname) -> None:
    url = read(f"{quote(user, safe='')}:{quote(password, safe='')}@h/{quote(dbname, safe='')}")
    assert (url.user, url.password, url.dbname) == (user, password, dbname)


SECRET = "hunter2"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "is empty"),
        ("postgres", "is no URL"),
        (f"mysql://u:{SECRET}@h/d", "is for mysql, not for PostgreSQL"),
        (f"{SECRET}://x", "is for something else"),
        (f"postgresql://:{SECRET}@h/d", "names no user"),
        (f"postgresql://u:{SECRET}/x@h/d", "percent-encode"),
        (f"postgresql://u:{SECRET}?x@h/d", "percent-encode"),
        (f"postgresql://u:{SECRET}#x@h/d", "cannot be read"),
        (f"postgresql://u@h:{SECRET}/d", "has a port that is no number"),
        (f"postgresql://u@[::1{SECRET}/d", "has an address that cannot be read"),
        (f"postgresql://u@h/d?sslmode={SECRET}", "has an unknown sslmode"),
    ],
)
def test_an_unusable_url_is_told_in_one_line_without_what_it_says(url, said) -> None:
    with pytest.raises(CouldNotLook) as raised:
        libpq_settings(url)
    assert said in str(raised.value)
    assert SECRET not in str(raised.value)
    assert "\n" not in str(raised.value)


DOTENV = rb"""# comment
PLAIN=one
export EXPORTED = two words  # comment
HASH=pass#word
QUOTED_HASH="pass#word" # comment
SINGLE='it $HOME \n'
DOUBLE="line\nnext $HOME"
TICK=`a "b" 'c'`
EMPTY=
SPACES=   x   y
TWICE=first
MULTI="a
b"
UNCLOSED="abc
  INDENTED=yes
COLON: value
DOTTED.KEY-1=d
JSON={"a": 1}
WIN=crlf
TWICE=last
1DIGIT=ok
not a line
=nothing
URL="postgresql://u:p%40@h/d?schema=public"
""".replace(b"WIN=crlf\n", b"WIN=crlf\r\n")


def test_the_last_of_two_lines_counts_and_nothing_is_expanded() -> None:
    assert dotenv_value(DOTENV, "TWICE") == "last"
    assert dotenv_value(DOTENV, "DOUBLE") == "line\nnext $HOME"
    assert dotenv_value(DOTENV, "SINGLE") == "it $HOME \\n"
    assert dotenv_value(DOTENV, "HASH") == "pass"
    assert dotenv_value(DOTENV, "QUOTED_HASH") == "pass#word"
    assert dotenv_value(DOTENV, "NOPE") is None


RECORDED = json.loads((Path(__file__).parent / "dotenv.json").read_text())
"""Files, most of them random, and what `dotenv.parse` of Node's dotenv 17 read in them."""


def test_every_value_is_what_nodes_dotenv_reads() -> None:
    for case in RECORDED:
        ours = {key: dotenv_value(case["file"].encode(), key) for key in case["read"]}
        assert ours == case["read"], case["file"]


def test_a_missing_file_and_a_missing_key_are_told_apart() -> None:
    with pytest.raises(CouldNotLook, match="there is no such file"):
        required_value(ReadAnswer(exists=False), "/srv/app/.env", "DATABASE_URL")
    with pytest.raises(CouldNotLook, match="sets no DATABASE_URL"):
        required_value(ReadAnswer(exists=True, content=b"A=1"), "/srv/app/.env", "DATABASE_URL")
    assert required_value(ReadAnswer(exists=True, content=b"A=1"), "x", "A") == "1"


@pytest.mark.parametrize(
    ("rest", "password", "written"),
    [
        ("u:a%2fb@h/d", "a/b", "a%2fb"),
        ("u@h/d?schema=x&password=a%2fb+c", "a/b c", "a%2fb+c"),
        ("u@h/d", "", ""),
    ],
)
def test_a_password_is_known_as_it_is_and_as_it_is_written(rest, password, written) -> None:
    assert (read(rest).password, read(rest).written_password) == (password, written)


def test_what_is_secret_by_its_name_and_the_passwords_of_urls_are_known_once_the_file_was_read() -> None:
    text = b"""API_TOKEN="t0ken#1"\nexport SMTP_PASS='pa ss'\nNODE_ENV=production\nPORT=3000\nEMPTY_SECRET=
REDIS=redis://:p%40ss@cache:6379/0\nPLAIN=https://example.org/a:b@c\n"""
    assert set(dotenv_secrets(text)) == {"t0ken#1", "pa ss", "p%40ss", "p@ss"}
