"""Whether a pooler such as PgBouncer stands before the database, and what is refused then. It changes nothing.

Behind one, a connection is whoever's it is at the moment: nothing that is set, locked or begun for longer than one
transaction is ours (PgBouncer's manual, "SQL feature map for pooling modes").
"""

from remediate.errors import Failed
from remediate.questions import Answers, Query, QueryAnswer
from remediate.target import BEHIND_A_POOLER

POOLED = Query(sql=f"SELECT {BEHIND_A_POOLER} AS pooled")


def refuse_pooler(answers: Answers, what: str) -> None:
    """Refuse what cannot run in a transaction where a pooler stands between.

    Args:
        answers: The answer to `POOLED` among them.
        what: What is wanted, for the error.

    Raises:
        Failed: One does.
    """
    pooled = answers.raw(POOLED)
    if isinstance(pooled, QueryAnswer) and pooled.rows[0][0] is True:
        todo = "nothing was changed; let `database: url:` in the inventory name the server's own URL (DIRECT_URL)"
        raise Failed(
            answers.where, f"{what} needs a connection of its own, and a pooler stands between", todo
        )
