"""What a rule's examples are laid over, and how they are written: whole playbooks and inventories, without a flaw."""

import re

PLAYBOOK = """\
name: example
title: An example
on: backend
diagnose:
  - name: the process runs this build
    pm2.current: {}
confirm: {risk: data}
fix:
  - name: restart
    pm2.restart: {}
verify:
  - name: the API answers
    http.ok: {path: /health, json: {type: object}}
  - name: the process stays
    pm2.online: {}
within: 30s
stable: 3s
"""
INVENTORY = """\
environment: staging
policy: {confirm: yes, hosts_at_once: 1}
ssh: {user: deploy}
groups:
  backend:
    vars: {app: {name: api, root: /srv/api, backend: /srv/api, port: 3000}}
    hosts:
      web1: {address: 192.0.2.11}
"""
_SECTION = re.compile(r"^(?=[a-z_]+:)", re.MULTILINE)


def whole(sections: str, base: str = PLAYBOOK) -> str:
    """Return the base with these sections in the place of its own, with the comments above them; `~` leaves one out."""
    every = {**_sections(base), **_sections(sections)}
    return "".join(text for name, text in every.items() if text != f"{name}: ~\n")


def _sections(text: str) -> dict[str, str]:
    """Return the sections of a file under their keys."""
    found: dict[str, str] = {}
    above = ""
    for part in _SECTION.split(text):
        if part.startswith("#"):
            above += part
        elif part:
            found[part.partition(":")[0]] = above + part
            above = ""
    return found


def steps_of(section: str, *steps: str) -> str:
    """Return a section with these steps, each `kind: {parameters}`."""
    named = (f"  - name: step {number}\n    {step}\n" for number, step in enumerate(steps, 1))
    return f"{section}:\n{''.join(named)}"


def fixing(*steps: str) -> str:
    """Return a cure of these steps, with a restart after them where none of them is pm2's."""
    restarts = any(step.startswith("pm2.") and not step.startswith("pm2.save") for step in steps)
    before = ("pm2.restart: {}",) if steps[0].startswith("pm2.save") else ()
    after = () if restarts or before else ("pm2.restart: {}",)
    return steps_of("fix", *before, *steps, *after)


def looking(text: str) -> str:
    """Return a diagnosis by this script."""
    return (
        "diagnose:\n  - name: look\n    command.output:\n      script: |\n"
        f"{_indented(text)}      pattern: well\n"
    )


def script(text: str) -> str:
    """Return a cure by this script, with a restart after it."""
    return (
        "fix:\n  - name: step 1\n    command.run:\n      what: do it\n      about: [process:app]\n"
        "      unless: {script: test -e done}\n      way_back: none\n      reason: it is only an example\n"
        f"      script: |\n{_indented(text)}  - name: step 2\n    pm2.restart: {{}}\n"
    )


def migrating(sql: str) -> str:
    """Return a cure by this SQL."""
    return (
        "fix:\n  - name: step 1\n    sql.migrate:\n      way_back: none\n      reason: it is only an example\n"
        f"      text: |\n{_indented(sql)}"
    )


def _indented(text: str) -> str:
    return "".join(f"        {line}\n" for line in text.splitlines())
