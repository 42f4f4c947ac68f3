"""Rules about the rest of a playbook: runs without a person, symptoms, explanations, leftovers. They run nothing."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from remediate.lint.book import Book, Piece, flaw_of, raw
from remediate.lint.examples import fixing, script, steps_of
from remediate.lint.patterns import finds
from remediate.lint.places import spot_of
from remediate.lint.rule import Flaw, Rule, Weight
from remediate.model import Risk
from remediate.playbook.step_templates import StepTemplate
from remediate.text.patterns import may_not_end
from remediate.text.templates import is_template

RISKS: Sequence[str] = get_args(Risk)
"""From the least to the most."""
_FINAL = frozenset(
    {"prisma.migrate_deploy", "prisma.migrate_reset", "prisma.db_push", "sql.cancel", "sql.terminate"}
)
_RISK_OF = {
    **dict.fromkeys(("pm2.restart", "pm2.reload", "pm2.recreate", "pm2.start", "pm2.stop"), "restart"),
    **dict.fromkeys(("node.build", "node.rebuild", "node.previous", "node.ci", "prisma.generate"), "build"),
    **dict.fromkeys(("env.set", "env.unset", "env.mend"), "config"),
    **dict.fromkeys(("sql.add_columns", "sql.create_index", "sql.foreign_key", "sql.not_null"), "schema"),
    **dict.fromkeys(("prisma.migrate_deploy", "sql.migrate"), "schema"),
    **dict.fromkeys(("sql.update_rows", "sql.delete_rows", "sql.insert_rows", "sql.fill_nulls"), "data"),
    **dict.fromkeys(("sql.cancel", "sql.terminate", "prisma.migrate_reset", "prisma.db_push"), "data"),
}
_TAKES_ROOM = frozenset(
    {"node.build", "node.rebuild", "node.ci", "sql.create_index", "sql.vacuum", "sql.update_rows"}
)
_QUIET = (
    "GET /api/apps/avatar-creator/projects 200 12 ms",
    "server is listening on port 3000",
    "database system is ready to accept connections",
)
"""Lines of an app and a database that are well."""


def _auto_opaque(book: Book) -> Iterator[Flaw]:
    if book.playbook.auto.allowed:
        for step in book.playbook.fix:
            if step.kind == "command.run":
                yield flaw_of(step, "is a free command in a playbook that may be run without a person")


def _auto_final(book: Book) -> Iterator[Flaw]:
    if book.playbook.auto.allowed:
        for step in book.playbook.fix:
            none = raw(step).get("way_back") == "none" and step.kind != "command.run"
            if step.kind in _FINAL or none:
                yield flaw_of(step, f"`{step.kind}` has no way back, and may be run without a person")


def _auto_keeps(book: Book) -> Iterator[Flaw]:
    if book.playbook.auto.allowed and book.playbook.on_failure == "keep":
        yield book.own(("on_failure",), "a cure that did not hold is kept, and nobody is there")


def _catches_all(book: Book) -> Iterator[Flaw]:
    for index, pattern in enumerate(book.playbook.symptoms):
        if met := next((line for line in _QUIET if finds(pattern.pattern, line)), None):
            yield book.own(("symptoms", index), f"matches “{met}”, which is well")
        elif finds(pattern.pattern, ""):
            yield book.own(("symptoms", index), "matches every line, for it matches nothing at all")


def _never_ends(book: Book) -> Iterator[Flaw]:
    """Yield the symptoms that triage does not try; such a pattern of a step is refused while it is loaded."""
    told = "repeats what is repeated already: some lines take it longer than anybody waits"
    for index, pattern in enumerate(book.playbook.symptoms):
        if may_not_end(pattern.pattern):
            yield book.own(("symptoms", index), told)


def _circle(book: Book) -> Iterator[Flaw]:
    name = book.playbook.name
    beside = {**book.explains, name: book.playbook.explains}
    for index, other in enumerate(book.playbook.explains):
        if name in _reached(other, beside):
            yield book.own(("explains", index), f"`{other}` explains `{name}`, too")


def _reached(start: str, explains: dict[str, tuple[str, ...]]) -> set[str]:
    """Return every playbook that this one explains, also through others, itself among them."""
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += explains.get(name, ())
    return reached


def _unused_variable(book: Book) -> Iterator[Flaw]:
    texts = [text for step in book.steps for text in _templates(raw(step))] + [book.playbook.confirm.say]
    written = " ".join(texts)
    for name in book.playbook.variables:
        if not re.search(rf"(?<!\.)\b{name}\b|\bvars\.{name}\b|\bvars\[", written):
            yield book.own(("vars", name), f"no step has `{name}` in a template", key=True)


def _templates(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _templates(inner)
    elif is_template(value):
        yield str(value)


def _understated(book: Book) -> Iterator[Flaw]:
    said = book.playbook.confirm.risk
    worst = max(book.playbook.fix, key=_weight, default=None)
    if worst is not None and _weight(worst) > RISKS.index(said):
        what = f"`risk: {said}`, and `{worst.kind}` is of the class {RISKS[_weight(worst)]}"
        place = ("confirm", "risk") if ("confirm", "risk") in book.document.values else ("confirm",)
        yield Flaw(spot_of(book.document, place), what, "confirm")


def _weight(step: StepTemplate[Any]) -> int:
    return RISKS.index(_RISK_OF.get(step.kind, "none"))


def _wide_pattern(book: Book) -> Iterator[Flaw]:
    for piece in _must_not_occur(book):
        if finds(piece.text, "") or finds(piece.text, _QUIET[0]):
            yield piece.flaw("matches lines of an app that is well, so that no cure ever holds")


def _must_not_occur(book: Book) -> Iterator[Piece]:
    return (piece for piece in book.patterns if piece.step.kind == "pm2.log")


def _nobody_to_call(book: Book) -> Iterator[Flaw]:
    playbook = book.playbook
    if not (playbook.fix or playbook.tool or playbook.escalate):
        yield book.own(("name",), "leaves the cure to a person, and does not say to whom", key=True)


def _needs_room(book: Book) -> Iterator[Flaw]:
    if any(step.kind == "system.disk" for step in book.playbook.diagnose):
        for step in book.playbook.fix:
            if step.kind in _TAKES_ROOM:
                yield flaw_of(step, f"`{step.kind}` needs the room that is found to be lacking")


_AUTO = "auto: {allowed: true}\n"
_FULL = steps_of("diagnose", "system.disk: {}")
_TELLS = "fix: ~\nverify: ~\n"

RULES: tuple[Rule[Book], ...] = (
    Rule(
        "RM601", "unattended-command", Weight.ERROR,
        "Nobody but its author knows what a free command does; the dry run cannot show it, and nobody would read it.",
        "`auto: {allowed: false}`, or the action that is made for it.",
        script("make cache") + _AUTO, script("make cache"), _auto_opaque,
    ),
    Rule(
        "RM602", "unattended-for-good", Weight.ERROR,
        "What cannot be taken back needs a person who says so.",
        "`auto: {allowed: false}`.",
        fixing("prisma.migrate_deploy: {}") + _AUTO, fixing("prisma.migrate_deploy: {}"), _auto_final,
    ),
    Rule(
        "RM603", "unattended-and-kept", Weight.WARNING,
        "Where the cure does not hold, what it changed stays, and the next one begins from there.",
        "`on_failure: roll_back`.",
        "on_failure: keep\n" + _AUTO, "on_failure: roll_back\n" + _AUTO, _auto_keeps,
    ),
    Rule(
        "RM604", "symptom-of-everything", Weight.ERROR,
        "`triage --error` goes by it: a symptom that matches any line puts this playbook before the right one.",
        "Match a code (`\\bP2022\\b`), or the words that only this fault has.",
        "symptoms: ['(P2022)?']\n", "symptoms: ['\\bP2022\\b']\n", _catches_all,
    ),
    Rule(
        "RM605", "pattern-without-end", Weight.ERROR,
        "`(a+)+` tries every way to part a line: thirty characters can take minutes, and a log has longer lines."
        " `triage` does not try it.",
        "Repeat once: `a+`; between two repetitions, something that neither of them takes.",
        "symptoms: ['(\\w+)+ failed']\n", "symptoms: ['\\w+ failed']\n", _never_ends,
    ),
    Rule(
        "RM606", "explains-in-a-circle", Weight.ERROR,
        "`triage` names root causes before symptoms: two playbooks that explain each other have no first.",
        "Keep the one whose fault brings about the other's.",
        "explains: [example]\n", "explains: []\n", _circle,
    ),
    Rule(
        "RM607", "unused-variable", Weight.WARNING,
        "Whoever gives it with `--var` believes that it counts.",
        "Use it in a template, or remove it.",
        "vars: {table: {type: identifier, default: avatars}}\n",
        "vars: {table: {type: identifier, default: avatars}}\n"
        + steps_of("diagnose", 'prisma.columns: {table: "{{ table }}"}'),
        _unused_variable,
    ),
    Rule(
        "RM608", "understated-risk", Weight.WARNING,
        "Whoever confirms goes by `risk`, and so do policies that want more signatures for a class of it.",
        "Say the highest class of the steps: restart, build, config, schema or data.",
        "confirm: {risk: none}\n", "confirm: {risk: restart}\n", _understated,
    ),
    Rule(
        "RM609", "log-of-everything", Weight.ERROR,
        "`pm2.log: {without: …}` must not find what a healthy app writes with every request.",
        "Match the words of the fault.",
        steps_of("verify", "http.ok: {path: /api, json: {type: array}}", "pm2.online: {}", "pm2.log: {without: 'P?'}"),
        steps_of("verify", "http.ok: {path: /api, json: {type: array}}", "pm2.online: {}", "pm2.log: {without: P2022}"),
        _wide_pattern,
    ),
    Rule(
        "RM610", "nobody-to-call", Weight.WARNING,
        "A playbook without `fix` ends with “needs a person”: at night that must be somebody.",
        "`escalate: database`, a word of the inventory's contacts.",
        _TELLS, _TELLS + "escalate: database\n", _nobody_to_call,
    ),
    Rule(
        "RM611", "needs-the-room-it-lacks", Weight.ERROR,
        "Builds, installations, indexes and VACUUM all write before they free anything: on a full disk they fail"
        " halfway.",
        "Tell what lies there (`largest:`), and leave it to a person; or `node.clean`, for caches.",
        _FULL + fixing("node.build: {}"), _FULL + fixing("node.clean: {}"), _needs_room,
    ),
)  # fmt: skip
