"""`blocked-queries` on a real host: who is idle in a transaction is named, and ended where that is wanted."""

from tests.operator import Operator
from tests.practice import Practice


def test_whoever_is_idle_in_a_transaction_is_ended_only_where_that_is_wanted_and_for_good(
    practice: Practice, operator: Operator, web1: str
) -> None:
    practice.break_("idle-in-transaction")
    left = operator.does("run", "blocked-queries", "--on", web1, "--yes")
    assert left.code == 8, left.out + left.err
    assert "(nightly-export, role lumiku), idle in transaction" in left.out
    assert practice.answers(web1)[0] == 200

    wanted = ("run", "blocked-queries", "--on", web1, "--var", "end_idle=true")
    shown = operator.does(*wanted, "--dry-run")
    assert shown.code == 3, shown.out + shown.err
    assert "pg_terminate_backend(a.pid)" in shown.out
    assert "and only the application can do it again" in shown.out
    ended = operator.does(*wanted, "--yes", "--reason", "test")
    assert ended.code == 0, ended.out + ended.err
    assert practice.answers(web1, "POST", body={"name": "Test"})[0] == 200
    assert operator.does("triage", "--on", web1).code == 0

    back = operator.does("rollback", operator.last_run, "--yes")
    assert back.code == 7, back.out + back.err
    assert "there is no way back from that" in back.out
    practice.reset(web1)


def test_of_a_chain_the_root_is_named_and_ended_and_nobody_in_the_middle(
    practice: Practice, operator: Operator, web1: str
) -> None:
    practice.break_("lock-chain")
    left = operator.does("run", "blocked-queries", "--on", web1, "--yes")
    assert left.code == 8, left.out + left.err
    (seen,) = [line for line in left.out.splitlines() if "sessions wait for a lock" in line]
    assert "blocked by pid" in seen
    assert "(nightly-export, role lumiku), idle in transaction" in seen
    order = [left.out.rindex(f"({who}, role") for who in CHAIN]
    assert order == sorted(order), left.out

    wanted = ("run", "blocked-queries", "--on", web1, "--var", "end_idle=true")
    shown = operator.does(*wanted, "--dry-run", "--json").lines
    ends = [change["what"] for line in shown for fix in line.get("fixes", ()) for change in fix["changes"]]
    assert len(ends) == 1
    assert "nightly-export" in ends[0]
    ended = operator.does(*wanted, "--yes", "--reason", "test")
    assert ended.code == 0, ended.out + ended.err
    assert practice.answers(web1, "POST", body={"name": "Test"})[0] == 200
    assert operator.does("triage", "--on", web1).code == 0


CHAIN = ("nightly-export", "import", "thumbnails")
"""Who waits for whom, the root first."""
