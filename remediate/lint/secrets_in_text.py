"""Rules about secrets that are written out: in playbooks, inventories, comments and notes. They show none."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from remediate.lint.examples import fixing, steps_of
from remediate.lint.places import spot_at, spot_of
from remediate.lint.rule import Flaw, Rule, Weight
from remediate.model import Json
from remediate.text.marked_tokens import marked
from remediate.text.strict_yaml import Document, Place
from remediate.text.templates import is_template

Span: TypeAlias = tuple[int, int | None]
"""From which character of a line, from 0, to before which; None: as far as the line goes."""
_URL = re.compile(
    r"""\b[a-z][a-z0-9+.-]{0,20}://[^\s/:@'"]{0,100}:
    (?P<secret>[^\s/'"]{1,200} | (?!\d{1,5}/)[^\s'"$<{]{1,200})@
    (?:[^\s'"]{0,400}@)?""",
    re.IGNORECASE | re.VERBOSE,
)
"""A URL with its password: up to the last `@`, for what is no valid URL is a password all the same."""
_TOKEN = re.compile(rf"(?P<secret>{marked(whole=True)})")
_BEARER = re.compile(r"\b(?:Bearer|Basic)\s+(?P<secret>[A-Za-z0-9._~+/=-]{16,})")
_KEY = re.compile(r"(?P<secret>-----BEGIN [A-Z ]*PRIVATE KEY-----)")
NAME = re.compile(
    r"(?:^|_|PG)(?:PASS(?:WORD|WD|PHRASE)?|PWD|TOKEN|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|CLIENT_?SECRET|\w+_SECRET)$",
    re.IGNORECASE,
)
PLACEHOLDER = re.compile(r"\$\{?\w+\}?|\{\{.*|<[^>]*>|\*+|x{3,}|…|\.{3}|%s|:\w+|\[.*|password|secret|user|pass(wd)?",
                          re.IGNORECASE)  # fmt: skip
LINE_PATTERNS = (_URL, _TOKEN, _BEARER, _KEY)
"""What is a secret wherever it stands."""
_ASSIGNED = re.compile(r"\b(?P<name>[A-Za-z_]\w*)=(?P<secret>[^\s'\"$;|&]{4,}|'[^']{4,}'|\"[^\"$]{4,}\")")


def in_lines(pattern: re.Pattern[str], what: str) -> Callable[[Document], Iterator[Flaw]]:
    """Return a look for a pattern in every line of a file."""

    def look(document: Document) -> Iterator[Flaw]:
        for number, line in enumerate(document.text.split("\n"), 1):
            for found in pattern.finditer(line):
                if not PLACEHOLDER.fullmatch(found["secret"]):
                    start, end = found.span()
                    yield Flaw(spot_at(document.path, document.text, number, start + 1, end - start), what)

    return look


def named(document: Document) -> Iterator[Flaw]:
    """Yield each literal under a name that says secret: a variable's default, a value of env.set, an assignment."""
    for place, _ in literals(document):
        name = _named_by(document, place)
        yield Flaw(spot_of(document, place), f"`{name}` is written out", name)
    for number, line in enumerate(document.text.split("\n"), 1):
        for found in _ASSIGNED.finditer(line):
            if NAME.search(found["name"]) and not PLACEHOLDER.fullmatch(found["secret"].strip("'\"")):
                spot = spot_at(document.path, document.text, number, found.start() + 1, len(found[0]))
                yield Flaw(spot, f"`{found['name']}` is written out", found["name"])


def literals(document: Document) -> Iterator[tuple[Place, str]]:
    """Yield each literal under a name that says secret, with its place."""
    for place, written in _literals(document.value, ()):
        named_so = NAME.search(_named_by(document, place))
        if named_so and not PLACEHOLDER.fullmatch(written) and not is_template(written):
            yield place, written


def _named_by(document: Document, place: Place) -> str:
    """Return the name that a value has: its key; of a variable's default the variable; of env.set the `key`."""
    if place[0] == "vars" and place[-1] == "default":
        return str(place[1])
    if len(place) > 1 and place[-1] == "value":
        around = document.at(place[:-1])
        return str(around.get("key", "")) if isinstance(around, dict) else ""
    inventory = "env" in place[:-1] or "vars" in place[:-1]
    return str(place[-1]) if inventory else ""


def _literals(value: Json, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _literals(inner, (*place, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _literals(inner, (*place, index))
    elif isinstance(value, str) and value and place:
        yield place, value


_NOTES = "notes: "
RULES: tuple[Rule[Document], ...] = (
    Rule(
        "RM501", "password-in-a-url", Weight.ERROR,
        "A playbook is read by many, kept for ever by git, and shown in plans: what is written out is no secret,"
        " and is not"
        " masked.",
        "Name it in the inventory, by reference (`secrets: {database_url: {env: DATABASE_URL}}`), and change it.",
        f"{_NOTES}See postgres://app:hunter2@db/app for more.\n", f"{_NOTES}See postgres://app@db/app for more.\n",
        in_lines(_URL, "a URL with its password"),
    ),
    Rule(
        "RM502", "token-in-text", Weight.ERROR,
        "It has the form of a real token: of GitHub, GitLab, npm, AWS, Slack, Stripe, Google and others, or a JWT.",
        "Withdraw it where it was given out; then name the new one in the inventory, by reference.",
        f"{_NOTES}Ask with ghp_{'a1B2' * 9} if need be.\n", f"{_NOTES}Ask with the inventory's token.\n",
        in_lines(_TOKEN, "a token"),
    ),
    Rule(
        "RM503", "bearer-in-text", Weight.ERROR,
        "A header with its credentials is in the plan, in the audit log and in the process list.",
        "`http.ok: {bearer: token}` sends the inventory's secret `token`.",
        f"{_NOTES}Send Bearer 0123456789abcdef0123 along.\n", steps_of("verify", *(
            "http.ok: {path: /api, json: {type: array}, bearer: token}", "pm2.online: {}"
        )),
        in_lines(_BEARER, "credentials of a header"),
    ),
    Rule(
        "RM504", "private-key", Weight.ERROR,
        "Whoever reads the file has the key.",
        "Make a new pair; let the agent have it, or `identity:` name its file.",
        f"{_NOTES}|\n  -----BEGIN OPENSSH PRIVATE KEY-----\n", f"{_NOTES}The key is with the agent.\n",
        in_lines(_KEY, "a private key"),
    ),
    Rule(
        "RM505", "secret-by-its-name", Weight.ERROR,
        "A value under a name like PASSWORD or TOKEN is one; here it would be shown, logged and kept.",
        "`env.set: {key: JWT_SECRET, secret: jwt}` takes it from the inventory's secrets.",
        fixing("env.set: {key: JWT_SECRET, value: correct-horse}", "pm2.recreate: {keys: [JWT_SECRET]}"),
        fixing("env.set: {key: JWT_SECRET, secret: jwt}", "pm2.recreate: {keys: [JWT_SECRET]}"),
        named,
    ),
)  # fmt: skip
