"""The seed by which a sample of the matrix is drawn: another each time, so that all points are tried in the end."""

import os
import random

SEED = "REMEDIATE_MATRIX_SEED"
"""The variable that holds it: set it to draw the same points again."""


def ensure_seed() -> str:
    """Return the seed; where none is given, every process of this suite gets the same new one."""
    return os.environ.setdefault(SEED, str(random.SystemRandom().randrange(10**6)))
