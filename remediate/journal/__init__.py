"""The journal, which is the audit log: who did what where, why, and what is still owed."""

from remediate.journal.chain import Verdict
from remediate.journal.course import COURSES, Course, Standing
from remediate.journal.log import Journal, default_state, new_run_id
from remediate.journal.values import Entry, Operator, Owed, RunHeader, RunSummary

__all__ = [
    "COURSES",
    "Course",
    "Entry",
    "Journal",
    "Operator",
    "Owed",
    "RunHeader",
    "RunSummary",
    "Standing",
    "Verdict",
    "default_state",
    "new_run_id",
]
