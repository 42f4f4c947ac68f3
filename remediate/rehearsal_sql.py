"""Rehearses SQL in a database made from the schema alone, and only what stays within it. The live one is looked at.

That database lies on the app's own server: what reaches beyond one database would reach it. So SQL that somebody wrote
is tried only where the gate knows all of its statements to stay within, and nothing that the gate would stop is.
"""

from remediate.errors import Failed, Interrupted, RemediateError, Stale
from remediate.gate.contained import CODE, Code, code_in, reaches_beyond
from remediate.hazard import Severity
from remediate.model import Rehearsal
from remediate.rehearsal_staging import Planned, Staged, not_tried, untried_before
from remediate.runner import Runner
from remediate.target import Statement, Target

DONE = "in a database made from the schema alone (what rows and rights say against it was not tried)"
_OF_THE_MOMENT = ("08", "21", "22", "23", "40", "53", "55P03", "55006", "57", "58", "P0", "XX")
"""Classes of SQLSTATE that tell of rows, of code over them, or of the server at that moment, and not of the SQL.

Source: the manual's appendix "PostgreSQL Error Codes"."""
_NO_RIGHT = "42501"


def rehearse_on_schema(staged: Staged, target: Target, runner: Runner, token: str) -> None:
    """Apply the changes of the schema to a database made from it, and note what came of each."""
    names = ", ".join(one.change.what for one in staged.on_schema)
    told = f"{names}: in a database made for it on the same server from the schema alone, without rows"
    runner.events.tell("rehearsing", target.name, told)
    try:
        with target.schema_copy(token) as copy:
            _apply_in_order(staged, copy, runner, token)
    except Interrupted:
        raise
    except RemediateError as error:
        left = [one for one in staged.on_schema if one.number not in staged.results]
        for one in left:
            staged.refuse(one, error.what)
        if not left:  # all was tried, and it could not be cleared up
            runner.events.tell("warning", target.name, f"{error.what}; {error.todo}")


def _apply_in_order(staged: Staged, copy: Target, runner: Runner, token: str) -> None:
    """Apply what may be applied there; what alters the schema and was not applied ends it for those after it."""
    code, gap = code_in(copy.answer((CODE,))), ""
    for one in staged.on_schema:
        if why := gap or _why_not(one, code):
            staged.refuse(one, why)
        else:
            began = runner.clock.monotonic()
            tried = _tried(one, copy.scoped(f"rehearsal-{token}/{one.number}"))
            seconds = round(runner.clock.monotonic() - began, 1)
            staged.results[one.number] = tried.model_copy(update={"seconds": seconds})
        outcome = staged.results[one.number].outcome
        failed = f"“{one.change.what}” failed before it" if outcome == "failed" else ""
        gap = gap or failed or ("" if outcome == "done" else untried_before(one.change))


def _why_not(one: Planned, code: Code) -> str:
    """Return in a clause why a change must not be tried on a server that lives; empty where it may be."""
    stopped = next((h for h in one.change.hazards if h.severity is Severity.STOP and not h.way_down), None)
    if stopped:
        return f"{stopped.rule}: what the gate would stop is tried nowhere, allowed or not"
    written = one.action.written_sql(one.change)
    if any(Statement(sql=text).guards for text in written):
        return "a statement of it reads like a guard of the runner's, which a copy leaves out"
    return next((why for text in written or ("",) if (why := reaches_beyond(text, code))), "")


def _tried(one: Planned, copy: Target) -> Rehearsal:
    try:
        one.action.apply(copy, one.change)
    except (Failed, Stale) as error:
        state = _state_of(error)
        if not state or state.startswith(_OF_THE_MOMENT) or state == _NO_RIGHT:
            return not_tried(one.change, f"it depends on rows or on the server's state: {error.what}")
        told = f"in a database made from the schema alone: {error.what}"
        return Rehearsal(outcome="failed", told=told, instead_of=one.change.fidelity)
    return Rehearsal(outcome="done", told=DONE, instead_of=one.change.fidelity)


def _state_of(error: BaseException) -> str:
    """Return the SQLSTATE with which the server refused, of the error or of what it was made from."""
    at: BaseException | None = error
    while at is not None:
        if isinstance(at, Failed) and at.state:
            return at.state
        at = at.__cause__
    return ""
