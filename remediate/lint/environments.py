"""Rules about inventories: what an environment lets happen that should not. They reach no host."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from remediate.errors import UsageError
from remediate.inventory import Inventory
from remediate.lint.places import spot_of
from remediate.lint.rule import Flaw, Rule, Weight
from remediate.playbook import Playbook
from remediate.text.strict_yaml import Document, Place

_PRODUCTION = re.compile(r"(^|[-_.])(prod(uction)?|live)($|[-_.0-9])", re.IGNORECASE)


@dataclass(frozen=True)
class Surroundings:
    """An inventory as the rules see it.

    Attributes:
        inventory: The inventory.
        document: Its file.
        books: The playbooks beside it by name, or why one is refused; None where nobody said where they are.
        tools: The tools that are commands.
        topics: What an incident may be about, whatever playbooks say.
    """

    inventory: Inventory
    document: Document
    books: Mapping[str, Playbook | UsageError] | None = None
    tools: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()

    def book(self, name: str) -> Playbook | None:
        """Return a playbook; None where there is none of that name, or it is refused."""
        found = (self.books or {}).get(name)
        return found if isinstance(found, Playbook) else None

    def flaw(self, place: Place, what: str, *, key: bool = False) -> Flaw:
        """Return what is wrong at a place of the file."""
        return Flaw(spot_of(self.document, place, key=key), what, "/".join(map(str, place)))


def _unconfirmed(seen: Surroundings) -> Iterator[Flaw]:
    inventory = seen.inventory
    if inventory.policy.confirm == "none" and not inventory.development:
        yield seen.flaw(("policy", "confirm"), f"nobody is asked before {inventory.environment} is changed")


def _production_may_be_lost(seen: Surroundings) -> Iterator[Flaw]:
    if seen.inventory.development and _PRODUCTION.search(seen.inventory.environment):
        yield seen.flaw(("development",), f"what lives in {seen.inventory.environment} may be lost")


def _auto_everywhere(seen: Surroundings) -> Iterator[Flaw]:
    auto = seen.inventory.policy.auto
    sizes = Counter(host.group for host in seen.inventory.hosts)
    for group, size in sizes.items():
        if auto.allowed and 1 < size <= auto.hosts_at_once:
            yield seen.flaw(("policy", "auto"), f"all {size} hosts of {group} may be healed at the same time")


def _root(seen: Surroundings) -> Iterator[Flaw]:
    for place in seen.document.values:
        if place[-1:] == ("user",) and "ssh" in place and seen.document.at(place) == "root":
            yield seen.flaw(place, "logs in as root")
        if place[-1:] == ("become",) and seen.document.at(place) == "root":
            yield seen.flaw(place, "works as root")


def _any_key(seen: Surroundings) -> Iterator[Flaw]:
    for place in seen.document.values:
        if place[-1:] == ("known_hosts",) and seen.document.at(place) == "/dev/null":
            yield seen.flaw(place, "knows no host")


_AUTO_ON = "policy: {confirm: yes, auto: {allowed: true"
_TWO = """\
groups:
  backend:
    vars: {app: {name: api, root: /srv/api, backend: /srv/api, port: 3000}}
    hosts:
      web1: {address: 192.0.2.11}
      web2: {address: 192.0.2.12}
"""

RULES: tuple[Rule[Surroundings], ...] = (
    Rule(
        "RM701", "unconfirmed", Weight.WARNING,
        "`confirm: none` carries a plan out that nobody has seen.",
        "`confirm: yes`, or `type-name` where it hurts.",
        "policy: {confirm: none, hosts_at_once: 1}\n", "policy: {confirm: type-name, hosts_at_once: 1}\n", _unconfirmed,
    ),
    Rule(
        "RM702", "production-may-be-lost", Weight.ERROR,
        "`development: true` lets `prisma.migrate_reset` and DROP be planned.",
        "`development: false`; an environment for development has a name of its own.",
        "environment: production\ndevelopment: true\n", "environment: production\ndevelopment: false\n",
        _production_may_be_lost,
    ),
    Rule(
        "RM703", "heals-everywhere-at-once", Weight.WARNING,
        "A wrong cure, made on all hosts at once, is an outage; on one of them it is a warning.",
        "`auto: {hosts_at_once: 1}`, which is so where nothing is said.",
        f"{_AUTO_ON}, hosts_at_once: 2}}}}\n{_TWO}", f"{_AUTO_ON}}}}}\n{_TWO}", _auto_everywhere,
    ),
    Rule(
        "RM704", "root", Weight.WARNING,
        "pm2 is per user: as root it starts an empty daemon of its own (measured), and what is made belongs to root.",
        "Log in as a person's or a deploy user, and `become:` the user who owns the app.",
        "ssh: {user: root}\n", "ssh: {user: deploy}\n", _root,
    ),
    Rule(
        "RM705", "any-host-key", Weight.ERROR,
        "Without known keys nobody can tell the host from somebody in between.",
        "Record the keys: `ssh-keyscan HOST >> known_hosts`, compared with what the host's console says.",
        "ssh: {user: deploy, known_hosts: /dev/null}\n", "ssh: {user: deploy, known_hosts: known_hosts}\n", _any_key,
    ),
)  # fmt: skip
