"""The long soak: `make soak`. Plays thirty faults on a practice ground of its own; some half an hour."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.practice import new_practice, put_away
from tests.soak.by_hand import by_hand, report
from tests.soak.course import scenes
from tests.soak.play import soak

HOSTS = ("web1", "web2")


def main() -> int:
    """Play, tell what was wrong, end with the one line that counts."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--faults", type=int, default=30)
    asked.add_argument("--kills", type=int, default=4)
    chosen = asked.parse_args()
    ground = new_practice()
    try:
        ground.up("--hosts", str(len(HOSTS)), "--light", "0")
        bare = by_hand(ground, HOSTS[0])
        with tempfile.TemporaryDirectory(prefix="soak-") as folder:
            played = scenes(chosen.seed, chosen.faults, hosts=HOSTS, kills=chosen.kills)
            one = soak(ground, Path(folder), played)
    finally:
        put_away(ground)
    answers = ", ".join(
        f"{many} times {status or 'nothing'}" for status, many in sorted(one.score.answers.items())
    )
    lines = [
        *report(one.score.seconds, bare),
        f"seed {chosen.seed}: a storm of {one.score.a_minute:.0f} requests a minute was answered {answers}",
        f"the service took {one.score.memory} MB at most",
        *(f"wrong: {line}" for line in one.score.wrong),
        *(f"exceeded: {line}" for line in one.score.exceeded),
    ]
    sys.stdout.write("\n".join([*lines, f"{one.score}\n"]))
    return bool(one.score.wrong or one.score.exceeded)


if __name__ == "__main__":
    sys.exit(main())
