"""What is escalated again of a run of no playbook: its case, as it was written down. It looks at nothing."""

from remediate.escalation.case import Case
from remediate.escalation.incident import Escalation


def case_again(escalation: Escalation, now: float) -> Case:
    """Return the case of an escalation as far as it was written down, for a run that is none of a playbook.

    Args:
        escalation: Its last one.
        now: Seconds since the epoch.
    """
    of_it = {"seq", "at", "incident", "status", "away", "level", "said", "since", "delivering"}
    known = escalation.model_dump(exclude=of_it)
    return Case(
        **known,
        why=escalation.said,
        made=now,
        error=(escalation.said,),
        commands=(f"remediate show {escalation.run}",),
    )
