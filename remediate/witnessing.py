"""Has a host keep the audit log's head, so that a log that is cut or begun anew is found later. It ends no run."""

from remediate.errors import RemediateError
from remediate.runner import Runner
from remediate.target import Target


def leave_witness(target: Target, runner: Runner) -> None:
    """Have the host keep the log's head as it is now; what speaks against it is told, and never ends a run.

    What the host keeps already is compared first: a head that contradicts the log is evidence, and is not replaced. A
    host on which nothing was confirmed in this run is left as it is.

    Args:
        target: The host.
        runner: The runner's side.
    """
    try:
        problem = _left(target, runner)
    except RemediateError as error:
        problem = f"it could not be left there: {error.what}"
    if problem:
        runner.events.tell("warning", target.name, f"the audit log's head on this host: {problem}")


def _left(target: Target, runner: Runner) -> str:
    journal, who = runner.journal, runner.owner.who
    if not journal.was_confirmed(runner.run, target.name):
        return ""
    mine = journal.witness(who)
    for kept in target.witnesses():
        if kept.log == mine.log and (problem := journal.contradiction(kept, who)):
            return f"{problem}; run `remediate audit verify --on {target.name}`"
    return journal.contradiction(target.keep_witness(mine), who)
