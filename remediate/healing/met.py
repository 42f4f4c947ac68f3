"""A fault as it is met, from what a look found and what was ruled on it: before anything is done. Pure."""

from remediate.escalation.levels import topics_of
from remediate.healing.healed import Treated
from remediate.healing.history import Fingerprint
from remediate.healing.verdict import Ruling
from remediate.model import Finding
from remediate.triage import Diagnosis

EVIDENCE = 40
"""Lines of evidence of one check that are kept, its last ones: a report has room for some such checks."""


def met(host: str, diagnosis: Diagnosis, fingerprint: Fingerprint, ruling: Ruling, since: float) -> Treated:
    """Return what is known of a fault that is about to be treated.

    Args:
        host: Where it was found.
        diagnosis: What was found.
        fingerprint: Which fault it is.
        ruling: The verdict on its cure.
        since: Seconds since the epoch when it was first seen.
    """
    wrong = [one for one in diagnosis.findings if not one.healthy]
    return Treated(
        fingerprint=fingerprint,
        title=diagnosis.playbook.title,
        hosts=(host,),
        seen=tuple(f"{one.check}: {one.seen}" for one in wrong),
        evidence=tuple(map(_evidence, wrong)),
        ruling=ruling,
        why=ruling.why,
        whom=diagnosis.playbook.escalate,
        topics=tuple(sorted(topics_of(diagnosis.findings))),
        since=since,
    )


def _evidence(finding: Finding) -> tuple[str, ...]:
    """Return the evidence of a check; whole lines of it, for what is cut may be masked no more."""
    lines = [line for one in finding.evidence for line in one.splitlines()]
    left = len(lines) - EVIDENCE
    return (f"… {left} lines before these", *lines[-EVIDENCE:]) if left > 0 else tuple(lines)
