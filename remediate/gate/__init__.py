"""The hazard gate: what SQL does to whoever else is at work in the database, judged before it runs. It runs no SQL."""

from remediate.gate.judging import Verdict, judge
from remediate.gate.known import NOTHING, Known
from remediate.gate.rules import NEVER_INSIDE, RULES

__all__ = ["NEVER_INSIDE", "NOTHING", "RULES", "Known", "Verdict", "judge"]
