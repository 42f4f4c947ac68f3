"""Whether a build was already tried: the app was started with it as it lies there. It builds and puts back nothing.

A build that was never started says nothing of itself; one that was, and does no good, is not cured by a restart.
"""

from remediate.providers.pm2_host import Seen, read_newest
from remediate.questions import RunAnswer


def was_tried(seen: Seen, newest: RunAnswer) -> bool:
    """Tell whether every process of the app began after the build last changed.

    Args:
        seen: What pm2 says of the app.
        newest: When anything in the build last changed; a rename counts, a time that was set does not.
    """
    changed, _ = read_newest(newest)
    return bool(changed and seen.processes) and all(one.since >= changed for one in seen.processes)
