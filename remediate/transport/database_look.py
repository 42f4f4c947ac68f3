"""Questions -> the one READ ONLY transaction that asks them, and its results -> their answers. It sends nothing."""

from collections.abc import Mapping, Sequence

from remediate.questions import Query, QueryAnswer, Unanswered
from remediate.transport.database_door import DatabaseSettings
from remediate.transport.database_ledger import command_of, milliseconds, set_locally
from remediate.transport.database_values import complaint_of, rows_of, state_of, succeeded
from remediate.transport.database_wire import Command, PGresult

_BEGIN = Command(sql="BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
_SAVEPOINT, _BACK = Command(sql="SAVEPOINT look"), Command(sql="ROLLBACK TO SAVEPOINT look")


def looking(
    queries: Sequence[Query], session: Mapping[str, str], settings: DatabaseSettings
) -> list[Command]:
    """Return a whole transaction in which a failed query spoils no other.

    Args:
        queries: The questions, in order.
        session: What every transaction sets for itself.
        settings: How long a statement and a lock may take; a question may say less.
    """
    limits = {"statement_timeout": f"{settings.statement:g}s", "lock_timeout": f"{settings.lock:g}s"}
    commands = [_BEGIN, set_locally({**session, **limits}), _SAVEPOINT]
    for query in queries:
        if query.timeout is not None:
            limit = milliseconds(min(query.timeout, settings.statement))
            commands.append(set_locally({"statement_timeout": limit}))  # until the savepoint is gone back to
        commands += [command_of(query), _BACK]
    return [*commands, Command(sql="ROLLBACK")]


def answers_among(commands: Sequence[Command], results: Sequence[PGresult]) -> list[QueryAnswer | Unanswered]:
    """Return the answers among a transaction's results: those after which the savepoint is gone back to."""
    pairs = zip(results, commands[1:], strict=False)
    return [_answer(result) for result, after in pairs if after == _BACK]


def _answer(result: PGresult) -> QueryAnswer | Unanswered:
    if succeeded(result):
        return rows_of(result)
    return Unanswered(reason=f"the database refused: {complaint_of(result)}", state=state_of(result))
