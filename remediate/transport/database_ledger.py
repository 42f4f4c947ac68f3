"""What a database keeps of our changes, in its own schema `remediate`, and how a refusal is told. Sends nothing.

`ledger` has a row for each change that was made, committed with it; `intended` one for each statement that cannot run
in a transaction and has been begun.
"""

import hashlib
from collections.abc import Mapping

from remediate.errors import Failed
from remediate.model import canonical
from remediate.questions import Query
from remediate.target import DatabaseChange, OutsideTransaction, Statement
from remediate.transport.database_values import complaint_of, state_of, succeeded
from remediate.transport.database_wire import Command, PGresult

NO_LEDGER = ("42P01", "3F000")
ENDED_BY_SERVER = ("57P01", "57P02", "57P03", "57P05")
"""The server shuts down, crashed, or ended the connection: nothing is said of what was sent."""

SCHEMA_THERE = "to_regnamespace('remediate') IS NOT NULL"
"""An expression; true whoever asks, for it needs no privilege on the schema."""
_CREATE_SCHEMA = Command(sql="CREATE SCHEMA IF NOT EXISTS remediate")
_CREATE_LEDGER = Command(
    sql="CREATE TABLE IF NOT EXISTS remediate.ledger (token text PRIMARY KEY, run text NOT NULL,"
    " step text NOT NULL, digest text NOT NULL, undo jsonb NOT NULL, xact xid8 NOT NULL, at timestamptz NOT NULL)"
)
_CREATE_INTENDED = Command(
    sql="CREATE TABLE IF NOT EXISTS remediate.intended (token text PRIMARY KEY, digest text NOT NULL,"
    " change jsonb NOT NULL, pid int NOT NULL, began timestamptz NOT NULL)"
)
ENTER = (
    "INSERT INTO remediate.ledger (token, run, step, digest, undo, xact, at)"
    " VALUES (%s, %s, %s, %s, %s::jsonb, pg_current_xact_id(), now())"
    " ON CONFLICT (token) DO NOTHING RETURNING xact::text"
)
GRANT = "let the app's role own the schema: CREATE SCHEMA remediate AUTHORIZATION <role>"
_DIVIDED_BY_ZERO = "22012"
_TODO = {
    "42501": f"grant what is missing; for the ledger {GRANT}",
    "25006": "this is a read-only replica: give the primary's address",
    "57014": "it took longer than its statement_timeout",
    "53100": "the server's disk is full",
}


def create_ledger(*, schema_there: bool) -> tuple[Command, ...]:
    """Return what makes the ledger.

    PostgreSQL demands CREATE on the database before it looks whether a schema is there already, IF NOT EXISTS or not:
    one that an administrator made is not to be made again.
    """
    return (_CREATE_LEDGER,) if schema_there else (_CREATE_SCHEMA, _CREATE_LEDGER)


def create_intended(*, schema_there: bool) -> tuple[Command, ...]:
    """Return what makes the ledger, and the table of what was begun outside a transaction."""
    return (*create_ledger(schema_there=schema_there), _CREATE_INTENDED)


class Refused(Exception):  # noqa: N818  (a signal within the transport)
    """The server refused a statement.

    Args:
        result: The refusal.
        guards: Whether it was a statement that only makes sure of something.
    """

    def __init__(self, result: PGresult, *, guards: bool = False) -> None:
        self.state, self.complaint = state_of(result), complaint_of(result)
        if guards and self.state == _DIVIDED_BY_ZERO:
            self.complaint = f"what it was planned on is no longer so, says a guard (SQLSTATE {self.state})"
        super().__init__(self.complaint)

    @property
    def ended(self) -> bool:
        """Whether it was no refusal: the server ended the connection."""
        return self.state in ENDED_BY_SERVER


def all_well(results: list[PGresult]) -> list[PGresult]:
    """Return the results.

    Raises:
        Refused: One of them is a refusal.
    """
    for result in results:
        if not succeeded(result):
            raise Refused(result)
    return results


def failed(where: str, refused: Refused, untouched: str = "nothing was changed") -> Failed:
    """Return the error that tells of a refusal, and what to do about it."""
    todo = f"{untouched}; {_TODO[refused.state]}" if refused.state in _TODO else untouched
    what = f"the server refused: {refused.complaint}"
    return Failed(where, what, todo, output=refused.complaint, state=refused.state or "")


def refuse_another(
    where: str, token: str, written: object, change: DatabaseChange | OutsideTransaction
) -> None:
    """Refuse a token that the database knows for another change: it is not done because that one is.

    Raises:
        Failed: It is another change.
    """
    if written != digest_of(change):
        what = f"the token {token} is in remediate.ledger for another change"
        raise Failed(where, what, "nothing was changed; roll the run back, and run it again")


def set_for(values: Mapping[str, str], *, local: bool) -> Command:
    """Return the statement that makes settings hold until the transaction, or the connection, ends."""
    calls = ", ".join(f"set_config(%s, %s, {str(local).lower()})" for _ in values)
    flat = tuple(part for pair in values.items() for part in pair)
    return Command(sql=f"SELECT {calls}", parameters=flat)


def set_locally(values: Mapping[str, str]) -> Command:
    """Return the statement that makes settings hold until the transaction ends."""
    return set_for(values, local=True)


def command_of(one: Statement | Query) -> Command:
    """Return a statement, or a question, as it is sent."""
    return Command(sql=one.sql, parameters=one.parameters)


def milliseconds(seconds: float) -> str:
    """Return a duration as PostgreSQL reads it."""
    return f"{max(1, round(seconds * 1000))}ms"


def digest_of(change: DatabaseChange | OutsideTransaction) -> str:
    """Return what tells a change's statements from any others'."""
    statements = change.statements if isinstance(change, DatabaseChange) else (change.statement,)
    return hashlib.sha256(canonical([one.model_dump(mode="json") for one in statements])).hexdigest()
