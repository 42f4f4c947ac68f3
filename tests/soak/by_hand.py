"""The bare commands that somebody would type who knows the fault, and how long they take: they verify nothing."""

import time
from collections.abc import Mapping, Sequence
from statistics import median

from tests.practice import BACKEND, LUMIKU, Practice
from tests.soak.course import CURED

RESTART = f"pm2 restart {LUMIKU.name}"
REBUILD = f"npm run build && {RESTART}"
GENERATE = f"npx prisma generate && {REBUILD}"
IMPORT = "s|^import { prisma } from '\\(.*/db/client\\)'|import prisma from '\\1'|"
REPOSITORY = "src/apps/avatar-creator/repositories/avatar-creator.repository.ts"
OFFLINE = "export PRISMA_SCHEMA_ENGINE_BINARY=/opt/schema-engine/schema-engine CHECKPOINT_DISABLE=1"
"""The ground's Prisma finds its engine there, and asks nobody for another."""
COMMANDS: Mapping[str, str] = {
    "missing-columns": f"npx prisma db push && {RESTART}",
    "named-import": f'sed --in-place "{IMPORT}" {REPOSITORY} && {REBUILD}',
    "client-deleted": GENERATE,
    "missing-dist-file": REBUILD,
    "half-built-dist": REBUILD,
    "unknown-field": GENERATE,
    "crash-loop": REBUILD,
}
"""By fault, the runbook's."""


def by_hand(practice: Practice, host: str) -> dict[str, float]:
    """Return how many seconds the bare commands take for each fault that is healed, on a host of the ground."""
    return {fault: _seconds(practice, host, fault) for fault in CURED}


def _seconds(practice: Practice, host: str, fault: str) -> float:
    practice.break_(fault, host)
    began = time.monotonic()
    practice.shell(host, f"cd {BACKEND} && {OFFLINE} && {COMMANDS[fault]}")
    took = time.monotonic() - began
    practice.reset(host)
    return took


def report(healed: Mapping[str, Sequence[float]], bare: Mapping[str, float]) -> list[str]:
    """Return lines that tell for each fault how long its healing took, and against the bare commands, as a ratio."""
    lines = [
        "time to heal, from the first look to verified, median; by hand: the bare commands, nothing verified"
    ]
    for fault, seconds in sorted(healed.items()):
        took, hand = median(seconds), bare[fault]
        told = f"{took:6.1f} s ({len(seconds)}x)   by hand {hand:5.1f} s   ratio {took / hand:4.1f}"
        lines.append(f"  {fault:<18} {told}")
    return lines
