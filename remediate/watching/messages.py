"""What comes to the service's one thread, and what it goes by: values. They do nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from remediate.inventory import Host, Inventory
from remediate.watching.alerts import Notice
from remediate.watching.errands import Ended
from remediate.watching.listener import Known
from remediate.watching.readings import Reading
from remediate.watching.work import Errand

Signalled: TypeAlias = Literal["stop", "reload"]


@dataclass(frozen=True)
class Looked:
    """What a look gave.

    Attributes:
        environment: The inventory's environment.
        host: The host's name.
        begun: When it began, on a stopwatch.
        reading: What was seen.
    """

    environment: str
    host: str
    begun: float
    reading: Reading


@dataclass(frozen=True)
class Loaded:
    """Everything that is read from files.

    Attributes:
        inventories: By environment.
        known: What the listener goes by.
        look: Looks at a host; told how long ago it was last worked at.
        command: The command line of an errand.
        meant: An errand with the hosts that it is for, which what is scheduled may leave to its playbook, and with
            whether it only looks.
        playbooks: The names of all playbooks.
        topic: Whom the playbook wants called that a concern of an environment came from, by the concern's source.
    """

    inventories: Mapping[str, Inventory]
    known: Known
    look: Callable[[Host, float | None], Reading]
    command: Callable[[Errand], Sequence[str]]
    meant: Callable[[Errand], Errand]
    playbooks: frozenset[str]
    topic: Callable[[str, str], str] = lambda _environment, _source: ""


Message: TypeAlias = Signalled | Looked | Ended | tuple[Notice, ...]
