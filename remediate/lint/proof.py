"""Rules about evidence: whether a playbook can know that its cure has cured. They know checks by kind."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from remediate.lint.book import Book, Piece, flaw_of, raw
from remediate.lint.commands import never_ends
from remediate.lint.examples import steps_of
from remediate.lint.patterns import finds
from remediate.lint.places import spot_of
from remediate.lint.rule import Flaw, Rule, Weight
from remediate.lint.shell_words import Call
from remediate.playbook.step_templates import StepTemplate

LONGEST_WAIT = 600.0
"""Seconds."""
_PROBES = frozenset({"http.ok", "http.latency"})
_STANDING = frozenset(
    {"pm2.online", "pm2.started", "pm2.stable", "pm2.current", "system.port", "system.service"}
)
"""What was as true of the process before the cure."""
_WATCHES = frozenset({"pm2.online", "pm2.stable"})
_STARTS = frozenset({"pm2.restart", "pm2.reload", "pm2.recreate", "pm2.start"})
_READERS = frozenset({"grep", "egrep", "zgrep", "tail", "head", "cat", "awk", "sed", "less"})
_LOG = re.compile(r"\.log\b|/logs?/|/\.pm2/logs")
_OLD_WORDING = "Cannot read property 'x' of undefined"
_NEW_WORDING = "Cannot read properties of undefined (reading 'x')"
_UNAUTHORIZED = (401, 403)


def _no_new_evidence(book: Book) -> Iterator[Flaw]:
    verify = book.playbook.verify
    if book.playbook.fix and all(step.kind in _STANDING or _greps_a_log(book, step) for step in verify):
        yield flaw_of(verify[0], "nothing in `verify` can tell the time after the cure from the time before")


def _greps_a_log(book: Book, step: StepTemplate[Any]) -> bool:
    return any(shell.step is step and _reads_log(call) for shell, call in book.calls())


def _reads_log(call: Call) -> bool:
    reads = call.program in _READERS and any(_LOG.search(word) for word in call.plain)
    return reads or call.is_a("pm2", "logs") or call.is_a("journalctl")


def _no_probe(book: Book) -> Iterator[Flaw]:
    asks = any(step.kind in _PROBES for step in book.looks) or any(
        call.program in {"curl", "wget"}
        for shell, call in book.calls()
        if shell.step.kind == "command.output"
    )
    if book.playbook.fix and not asks:
        yield book.own(("verify",), "nobody asks the app whether it answers", key=True)


def _unwatched(book: Book) -> Iterator[Flaw]:
    if any(step.kind in _WATCHES for step in book.looks):
        return
    restart = next((step for step in book.playbook.fix if step.kind in _STARTS), None)
    if restart is not None:
        yield flaw_of(restart, "the app is started anew, and no check sees whether it dies again")


def _not_stable(book: Book) -> Iterator[Flaw]:
    if any(step.kind in _STARTS for step in book.playbook.fix) and book.playbook.stable < 1:
        yield book.own(("stable",), f"the app needs to hold for {book.playbook.stable:g} s only", key=True)


def _unbounded(book: Book) -> Iterator[Flaw]:
    for key in ("within", "stable"):
        if getattr(book.playbook, key) > LONGEST_WAIT and book.playbook.fix:
            yield book.own((key,), f"a run may wait here for more than {LONGEST_WAIT / 60:.0f} minutes")


def _asks_less(book: Book) -> Iterator[Flaw]:
    first = {_meant(step): raw(step) for step in book.playbook.diagnose if step.kind == "http.ok"}
    for step in book.playbook.verify:
        wanted = first.get(_meant(step), {}) if step.kind == "http.ok" else {}
        lacking = [key for key in ("json", "status", "max_seconds") if key in wanted and key not in raw(step)]
        if lacking:
            yield flaw_of(step, f"asks the same path as `diagnose` does, without its {', '.join(lacking)}")


def _meant(step: StepTemplate[Any]) -> tuple[object, ...]:
    return (raw(step).get("path"), raw(step).get("port"), raw(step).get("host"))


def _old_log(book: Book) -> Iterator[Flaw]:
    for shell, call in book.calls():
        bounded = call.program == "journalctl" and call.has("--since", "-S")
        if shell.step.kind == "command.output" and _reads_log(call) and not (bounded or never_ends(call)):
            yield shell.at(call, "reads a log from wherever it begins: lines from before the cure count, too")


def _one_wording(book: Book) -> Iterator[Flaw]:
    own = book.document
    symptoms = [(pattern.pattern, index) for index, pattern in enumerate(book.playbook.symptoms)]
    told = "knows only what Node 14 and earlier said, not “Cannot read properties of undefined (reading …)”"
    if _only_old(text for text, _ in symptoms):
        yield from (
            Flaw(spot_of(own, ("symptoms", index)), told, text)
            for text, index in symptoms
            if _only_old((text,))
        )
    yield from (piece.flaw(told) for piece in book.patterns if _only_old((piece.text,)))


def _only_old(patterns: Iterable[str]) -> bool:
    every = tuple(patterns)
    old = any("Cannot read property" in text.replace("\\", "") or finds(text, _OLD_WORDING) for text in every)
    new = any("properties" in text or finds(text, _NEW_WORDING) for text in every)
    return old and not new


def _unauthorized(book: Book) -> Iterator[Flaw]:
    for step in book.looks:
        status = raw(step).get("status")
        if step.kind == "http.ok" and status in _UNAUTHORIZED:
            yield flaw_of(step, f"{status} is given before the code that failed is reached", "status")


def _status_only(book: Book) -> Iterator[Flaw]:
    for step in book.looks:
        written = raw(step)
        redirect = type(written.get("status")) is int and written["status"] != 200  # noqa: PLR2004  (HTTP's own OK)
        if step.kind == "http.ok" and not {"json", "method"} & set(written) and not redirect:
            yield flaw_of(
                step, "any page with that status is well, one that says that something failed as well"
            )


def _grep_of_list(book: Book) -> Iterator[Flaw]:
    for shell in book.shells:
        for lists, greps in zip(shell.calls, shell.calls[1:], strict=False):
            if greps.before == "|" and greps.program in {"grep", "egrep"} and _lists(lists):
                yield shell.at(
                    lists, "greps a list of processes: NAME finds NAME-worker, and what has crashed, too"
                )


def _lists(call: Call) -> bool:
    by_pm2 = any(call.is_a("pm2", verb) for verb in ("list", "ls", "status", "l", "ps"))
    return by_pm2 or call.is_a("docker", "ps") or call.program == "ps"


def _wrapper(book: Book) -> Iterator[Flaw]:
    told = "postgresql.service is a wrapper that is active while the cluster is down"
    for step in book.looks:
        unit = raw(step).get("unit")
        if step.kind == "system.service" and unit in {"postgresql", "postgresql.service"}:
            yield flaw_of(step, told, "unit")
    for shell, call in book.calls():
        named = {"postgresql", "postgresql.service"} & set(call.plain)
        if call.program in {"systemctl", "service"} and named:
            yield shell.at(call, told)


def _matches_nothing(book: Book) -> Iterator[Flaw]:
    for piece in _absent(book):
        if raw(piece.step).get("exit_code", 0) is None:
            yield piece.flaw(
                "what is absent from the output of a command that could not even run is no evidence"
            )


def _absent(book: Book) -> Iterator[Piece]:
    return (piece for piece in book.patterns if raw(piece.step).get("absent") is True)


_ANSWERS = "http.ok: {path: /health, json: {type: object}}"
_STAYS = "pm2.online: {}"
_FIRST = "diagnose:\n  - name: look\n    http.ok: {path: /api, json: {type: array}}\n"

RULES: tuple[Rule[Book], ...] = (
    Rule(
        "RM201", "no-new-evidence", Weight.ERROR,
        "Every check of `verify` could have been answered by what was there before the cure: a process that is"
        " online,"
        " a log that somebody greps. `pm2 restart` shows `online` for an app that dies 300 ms later (measured).",
        "Ask the app (`http.ok`), and let `pm2.log` count what is logged from the cure on.",
        _FIRST + steps_of("verify", "pm2.online: {}"), _FIRST + steps_of("verify", _ANSWERS, _STAYS),
        _no_new_evidence,
    ),
    Rule(
        "RM202", "no-probe", Weight.WARNING,
        "Files, processes and catalogs can all be as they should be while the app answers 500.",
        "Add `http.ok` with the path that failed.",
        steps_of("verify", "pm2.log: {without: P2022}", _STAYS), steps_of("verify", _ANSWERS, _STAYS),
        _no_probe,
    ),
    Rule(
        "RM203", "restart-unwatched", Weight.WARNING,
        "`pm2 restart` and `pm2 start` exit 0 for an app that dies right after (measured).",
        "Add `pm2.online: {}` to `verify`: it wants the same process for as long as `stable:` says.",
        steps_of("verify", _ANSWERS), steps_of("verify", _ANSWERS, _STAYS),
        _unwatched,
    ),
    Rule(
        "RM204", "not-stable", Weight.WARNING,
        "An app that crashes is online for some 300 ms after each start (measured): one look finds it well.",
        "Write `stable: 3s`, or more.",
        "stable: 0s\n", "stable: 3s\n",
        _not_stable,
    ),
    Rule(
        "RM205", "waits-too-long", Weight.WARNING,
        "A run holds the host's lock while it waits; an outage of 15 minutes is a case for a person.",
        "Wait ten minutes at most, then let it be put back.",
        "within: 2h\n", "within: 2m\n",
        _unbounded,
    ),
    Rule(
        "RM206", "verify-asks-less", Weight.WARNING,
        "What found the fault must find it gone; a weaker look at the same path says less than nothing.",
        "Give it the same expectations as in `diagnose`, or leave it out: `diagnose` is asked again anyway.",
        _FIRST + steps_of("verify", "http.ok: {path: /api, method: GET}", _STAYS),
        _FIRST + steps_of("verify", _ANSWERS, _STAYS),
        _asks_less,
    ),
    Rule(
        "RM207", "old-log", Weight.WARNING,
        "Lines from before the cure keep it red, and a log that was rotated makes it green: log evidence needs"
        " an offset.",
        "Use `pm2.log: {without: …}`, which counts from the first look after the last change on.",
        steps_of("verify", _ANSWERS, _STAYS,
                 "command.output: {script: tail -n 50 app.log, pattern: ERROR, absent: true}"),
        steps_of("verify", _ANSWERS, _STAYS, "pm2.log: {without: ERROR}"),
        _old_log,
    ),
    Rule(
        "RM208", "one-node-wording", Weight.ERROR,
        "Node 16 and later say “Cannot read properties of undefined (reading 'x')” (measured): the wording that"
        " the runbook"
        " knows never comes.",
        "Match both: `Cannot read propert(y|ies)`.",
        "symptoms: [\"Cannot read property 'avatarProject' of undefined\"]\n",
        'symptoms: ["Cannot read propert(y|ies) .*avatarProject"]\n',
        _one_wording,
    ),
    Rule(
        "RM209", "unauthorized-is-well", Weight.ERROR,
        "401 and 403 are given before the code that failed is reached: an expired token makes “not 500” look"
        " healthy.",
        "Send a token (`bearer: token`, a secret of the inventory) and expect 200.",
        steps_of("verify", "http.ok: {path: /api, status: 401}", _STAYS), steps_of("verify", _ANSWERS, _STAYS),
        _unauthorized,
    ),
    Rule(
        "RM210", "status-only", Weight.NOTE,
        "200 alone is also given by a proxy's page, or by an app that tells its failure in the body.",
        "Say what the body must be: `json: {type: array}`, `json: {has: [id]}`.",
        steps_of("verify", "http.ok: {path: /api}", _STAYS), steps_of("verify", _ANSWERS, _STAYS),
        _status_only,
    ),
    Rule(
        "RM211", "grep-of-a-list", Weight.ERROR,
        "`pm2 list | grep NAME` matches `NAME-worker` after the app was deleted, and a row that says `errored`"
        " (measured);"
        " `docker ps | grep postgres` matches exporters.",
        "Use `pm2.online`, which goes by the exact name, or `system.port`, by who listens.",
        "diagnose:\n  - name: look\n    command.output: {script: pm2 list | grep lumiku}\n",
        "diagnose:\n  - name: look\n    pm2.online: {}\n",
        _grep_of_list,
    ),
    Rule(
        "RM212", "wrapper-unit", Weight.WARNING,
        "Debian's postgresql.service runs /bin/true and is “active (exited)” while the cluster is down.",
        "Ask the cluster's own unit, `postgresql@15-main`, or the database itself: `env.database`.",
        "diagnose:\n  - name: look\n    system.service: {unit: postgresql}\n",
        "diagnose:\n  - name: look\n    system.service: {unit: postgresql@15-main}\n",
        _wrapper,
    ),
    Rule(
        "RM213", "absent-from-nothing", Weight.ERROR,
        "With `exit_code: null` a command that could not run prints nothing, and what must be absent is absent.",
        "Leave out `exit_code`, so that it must be 0.",
        "diagnose:\n  - name: look\n    command.output: {script: app-status, exit_code: null, pattern: failed,"
        " absent: true}\n",
        "diagnose:\n  - name: look\n    command.output: {script: app-status, pattern: failed, absent: true}\n",
        _matches_nothing,
    ),
)  # fmt: skip
