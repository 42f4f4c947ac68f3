"""Every check and action under the name by which playbooks call it. Collected from each provider's `STEPS`."""

from remediate.providers import (
    command,
    env,
    files,
    files_aside,
    files_form,
    files_text,
    http,
    node,
    node_module_type,
    node_packages,
    node_previous,
    node_rebuild,
    pm2,
    pm2_recreate,
    pm2_reload,
    pm2_stable,
    pm2_start,
    pm2_stop,
    postgres,
    prisma,
    prisma_checks,
    typescript,
    typescript_compiler,
)
from remediate.steps import Step

PROVIDERS = (
    command,
    env,
    files,
    files_aside,
    files_form,
    files_text,
    http,
    node,
    node_module_type,
    node_packages,
    node_previous,
    node_rebuild,
    pm2,
    pm2_recreate,
    pm2_reload,
    pm2_stable,
    pm2_start,
    pm2_stop,
    postgres,
    prisma,
    prisma_checks,
    typescript,
    typescript_compiler,
)

CATALOGUE: dict[str, type[Step]] = {step.kind: step for provider in PROVIDERS for step in provider.STEPS}
"""`provider.verb` -> the step's class. A new class needs no other mention than its provider's `STEPS`."""
