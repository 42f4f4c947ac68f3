"""The command forget: removes what a run keeps of rows in the databases it changed. It changes no app, and no log."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import typer

from remediate.cli.confirming import asker, confirm_on
from remediate.cli.exit_codes import HEALTHY, code_of_error
from remediate.cli.options import AsJson, Reason, RunId, StateFolder, Yes
from remediate.cli.putting_back import MovedInventory, OnlyOn, environment_of, summary_of
from remediate.cli.session import Session, session, who
from remediate.errors import Failed, RemediateError, UsageError
from remediate.inventory import Host
from remediate.locking import under_lock
from remediate.model import canonical
from remediate.providers.row_retention import KEPT, kept_of, removal, saved_of
from remediate.questions import Query
from remediate.sinks.clean import one_line
from remediate.target import Target
from remediate.text.durations import seconds
from remediate.witnessing import leave_witness

DAY = 86400.0
RETENTION = "30d"
"""How long what a run keeps of rows is kept; whoever wants it shorter tells why."""

OlderThan = Annotated[
    str,
    typer.Option(
        "--older-than",
        help="How long they are kept: 30d, 12h, 90m (less than 30d wants a --reason). Younger ones stay.",
    ),
]
AtOnce = Annotated[bool, typer.Option("--now", help="However young they are; wants a --reason.")]


@dataclass(frozen=True)
class Wish:
    """What is to be forgotten.

    Attributes:
        older: Seconds that rows are kept at least.
        age: The same, as it was written.
    """

    older: float
    age: str


def forget(
    run: RunId,
    on: OnlyOn = None,
    inventory: MovedInventory = None,
    state: StateFolder = None,
    reason: Reason = "",
    older_than: OlderThan = RETENTION,
    *,
    now: AtOnce = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> int:
    """Remove the rows as they were that a run keeps in its databases; from then on it cannot be rolled back there."""
    wish = wish_of(older_than, reason, now=now)
    summary = summary_of(run, state)
    environment, found = environment_of(summary.header, inventory), summary.header.run
    hosts = environment.select(on or summary.header.hosts)
    with session(environment, state, run=found, reason=reason, as_json=as_json, hold=True) as opened:
        confirm_on(hosts, f"forget {found}: no way back", environment, reason, yes=yes, ask=asker())
        codes = [_told(opened, host, wish) for host in hosts]
        return max(codes, default=HEALTHY)


def wish_of(older_than: str, reason: str, *, now: bool) -> Wish:
    """Return what is to be forgotten.

    Args:
        older_than: An age, as `age_in_seconds` takes it.
        reason: Why; without one nothing goes before its retention is over.
        now: Whether it goes however young it is.

    Raises:
        UsageError: The age is none, or it is to go sooner, and nobody says why.
    """
    wish = Wish(0.0 if now else age_in_seconds(older_than), older_than)
    if wish.older < age_in_seconds(RETENTION) and not reason.strip():
        option = "--now" if now else f"--older-than {older_than}"
        sooner = f"wants a --reason, for rows are kept {RETENTION}"
        raise UsageError(option, sooner, "tell in a few words why; it goes into the audit log")
    return wish


def age_in_seconds(written: str) -> float:
    """Return the seconds of an age such as `30d`.

    Raises:
        UsageError: It is none.
    """
    if days := re.fullmatch(r"(\d{1,5})d", written):
        return int(days[1]) * DAY
    try:
        return float(str(seconds(written)))
    except ValueError as error:
        raise UsageError(f"--older-than {written}", "is no age", "write 30d, 12h or 90m") from error


def _told(opened: Session, host: Host, wish: Wish) -> int:
    try:
        text, code = forget_on(opened, host, wish), HEALTHY
    except RemediateError as error:
        text, code = f"{error.what}; {error.todo}" if error.todo else error.what, code_of_error(error)
    if opened.as_json:
        typer.echo(canonical({"host": host.name, "run": opened.run, "text": text, "code": code}).decode())
    else:
        typer.echo(one_line(f"{host.name}: {text}", 500), err=code != HEALTHY)
    return code


def forget_on(opened: Session, host: Host, wish: Wish) -> str:
    """Remove what the run keeps in one host's database, and return what was done.

    Raises:
        Blocked: There is no way there, or somebody else is at work; nothing was removed.
        Failed: It is younger than it is to be kept, or the server refused; nothing was removed.
    """
    confirmed = opened.journal.confirmed(opened.run, host.name)
    target = opened.target(host, confirmed.machine if confirmed else "")
    done = under_lock(target, opened.runner, partial(_removed, opened, target, wish))
    leave_witness(target, opened.runner)
    return done


@dataclass(frozen=True)
class Kept:
    """What a run keeps in a database.

    Attributes:
        rows: How many rows as they were.
        saved: Of how many rows values of columns that were dropped.
        age: Seconds since the youngest of them was kept.
    """

    rows: int
    saved: int
    age: float

    def __str__(self) -> str:
        parts = (f"{self.rows} rows", f"values of dropped columns of {self.saved} rows")
        return " and ".join(
            part for part, number in zip(parts, (self.rows, self.saved), strict=True) if number
        )


def _removed(opened: Session, target: Target, wish: Wish) -> str:
    kept = _kept(target, opened.run)
    if not (kept.rows or kept.saved):
        return "nothing is kept of it in the database"
    if kept.age < wish.older:
        what = f"{kept} are kept since {_in_words(kept.age)}, and are to be kept for {wish.age}"
        raise Failed(target.name, what, "nothing was removed; --now --reason WHY removes them at once")
    why = opened.reason.strip() or f"kept for more than {wish.age}"
    told = f"{kept} as they were, kept since {_in_words(kept.age)}, are removed"
    opened.journal.append(opened.run, target.name, "forgetting", {"text": told, "why": why, "who": who()})
    token = f"{opened.run}/forget{_times(opened)}"
    change = removal(opened.run, who(), why, rows=bool(kept.rows), saved=bool(kept.saved))
    target.scoped(token).change_database(change)
    opened.journal.append(opened.run, target.name, "forgotten", {"text": told, "why": why, "who": who()})
    after = "; the run can no longer be rolled back here" if kept.rows else ""
    return f"{kept} as they were are removed{after}"


def _kept(target: Target, run: str) -> Kept:
    rows, saved = target.answer((KEPT,))[KEPT].rows[0]
    number, age = _counted(target, kept_of(run)) if rows is True else (0, 0.0)
    values, since = _counted(target, saved_of(run)) if saved is True else (0, 0.0)
    ages = [one for one, there in ((age, number), (since, values)) if there]
    return Kept(number, values, min(ages, default=0.0))


def _counted(target: Target, question: Query) -> tuple[int, float]:
    record = target.answer((question,))[question].records[0]
    return int(record["rows"]), float(record["age"])


def _times(opened: Session) -> int:
    return sum(entry.kind == "forgetting" for entry in opened.journal.entries(opened.run))


def _in_words(age: float) -> str:
    units: Sequence[tuple[float, str]] = ((DAY, "d"), (3600.0, "h"), (60.0, "min"))
    size, unit = next((one for one in units if age >= one[0]), (1.0, "s"))
    return f"{age / size:.0f} {unit}"
