"""A plan as a document: written, read, argued about, compared with the world as it is. It reaches no host."""

from remediate.review.document import (
    PlanDocument,
    PlannedHost,
    PlannedStep,
    read_document,
    written_document,
)
from remediate.review.marks import Marks, marks_in
from remediate.review.moved import Moved, moved

__all__ = [
    "Marks",
    "Moved",
    "PlanDocument",
    "PlannedHost",
    "PlannedStep",
    "marks_in",
    "moved",
    "read_document",
    "written_document",
]
