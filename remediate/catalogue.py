"""Every check and action under the name by which playbooks call it. Collected from each provider's `STEPS`."""

from remediate.providers import (
    command,
    env,
    files,
    http,
    node,
    pm2,
    pm2_recreate,
    postgres,
    prisma,
    typescript,
)
from remediate.steps import Step

PROVIDERS = (command, env, files, http, node, pm2, pm2_recreate, postgres, prisma, typescript)

CATALOGUE: dict[str, type[Step]] = {step.kind: step for provider in PROVIDERS for step in provider.STEPS}
"""`provider.verb` -> the step's class. A new class needs no other mention than its provider's `STEPS`."""
