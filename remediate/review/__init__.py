"""A plan as a document: written, read, argued about, compared with the world as it is. It reaches no host."""

from remediate.review.document import (
    LONGEST_LIFE,
    Asked,
    PlanDocument,
    PlannedHost,
    PlannedStep,
    Sealed,
    read_document,
    written_document,
)
from remediate.review.marks import Marks, marks_in
from remediate.review.moved import Moved, moved

__all__ = [
    "LONGEST_LIFE",
    "Asked",
    "Marks",
    "Moved",
    "PlanDocument",
    "PlannedHost",
    "PlannedStep",
    "Sealed",
    "marks_in",
    "moved",
    "read_document",
    "written_document",
]
