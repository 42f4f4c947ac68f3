"""The keys of an inventory, as they are written: shape and types, without their meaning. Reads no file.

The editor's schema is made from these models, so their docstrings are what a person sees while writing.
"""

from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import ConfigDict, Field, field_validator, model_validator

from remediate.inventory.files import FileText, PerhapsFile
from remediate.inventory.references import NonEmpty, SecretText, UrlText
from remediate.inventory.watch import WatchText
from remediate.questions import Value
from remediate.text.durations import Duration

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]
Port = Annotated[int, Field(ge=1, le=65535)]
MachineId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
VariableOfEnvironment = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Environment = dict[VariableOfEnvironment, str | int]


class Written(Value):
    """The base of what is written: nothing is guessed from another type."""

    model_config = ConfigDict(strict=True)


class Window(Written):
    """A maintenance window.

    Attributes:
        days: The days on which it opens; without them, every day.
        hours: From when to when, like `22:00-06:00`; where the end comes before the beginning, it is the next day's.
        zone: The time zone of these hours, a name of the IANA database like `Europe/Berlin`.
    """

    days: Annotated[tuple[Day, ...], Field(min_length=1)] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    hours: Annotated[
        str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")
    ]
    zone: str = "UTC"

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, zone: str) -> str:
        if zone not in available_timezones():
            raise ValueError(f"there is no time zone {zone}; write one like Europe/Berlin")
        return zone

    @property
    def minutes(self) -> tuple[int, int]:
        """When it opens and when it closes, in minutes since midnight."""
        opens, closes = (int(text[:2]) * 60 + int(text[3:]) for text in self.hours.split("-"))
        return opens, closes


class AutoPolicy(Written):
    """Unattended healing.

    Attributes:
        allowed: Whether playbooks that allow it may be run without a person.
        windows: When; without them, at any time.
        hosts_at_once: How many hosts of a group may be in work at once, among all who heal from one state directory.
        per_hour: How many cures may be begun within an hour in the whole environment.
        cooldown: How long a fault is left alone after a cure that did not hold; doubled with each further one.
    """

    allowed: bool = False
    windows: tuple[Window, ...] = ()
    hosts_at_once: Annotated[int, Field(ge=1)] = 1
    per_hour: Annotated[int, Field(ge=1)] = 10
    cooldown: Duration = 300.0


class Policy(Written):
    """What an environment allows, beside the hosts it protects.

    Attributes:
        confirm: How the operator confirms: not at all, by yes, or by typing the environment's name.
        reason: Whether `--reason` must be given; it goes into the audit log.
        approvals: How many signatures over the plan's digest are needed, none of them the operator's.
        approvals_for: How many where a plan has changes of a kind (`opaque`, `no-way-back`), of a class of risk
            (`data`, `schema`, `build`, `config`, `restart`), or is of the playbook named; the highest counts.
        approvers: An OpenSSH allowed_signers file, relative to the inventory.
        forbid: Changes that may not be made: `opaque` ones, or those with no way back.
        hosts_at_once: How many hosts one run may change; without it, any number. A cure of `heal` is a run on one
            host: what holds healing back is `auto: {hosts_at_once: …}`.
        max_rows: How many rows one step may write or delete on a host, all its batches and what cascades take
            together; without it, any number.
        uncounted_rows: With `max_rows`, what becomes of a step of which nobody can tell that beforehand: SQL scripts
            and migrations that change rows, free commands, rows whose change fires triggers.
        refuse: From which severity on a hazard of SQL stops a plan: `stop`, or `warning`, too (docs/SQL.md).
        auto: Unattended healing.
    """

    confirm: Literal["none", "yes", "type-name"] = "yes"
    reason: Literal["optional", "required"] = "optional"
    approvals: Annotated[int, Field(ge=0)] = 0
    approvals_for: dict[str, Annotated[int, Field(ge=0)]] = {}
    approvers: PerhapsFile = ""
    forbid: tuple[Literal["opaque", "no-way-back"], ...] = ()
    hosts_at_once: Annotated[int, Field(ge=1)] | None = None
    max_rows: Annotated[int, Field(ge=1)] | None = None
    uncounted_rows: Literal["refuse", "allow"] = "refuse"
    refuse: Literal["stop", "warning"] = "stop"
    auto: AutoPolicy = AutoPolicy()

    @model_validator(mode="after")
    def _approvals_have_approvers(self) -> "Policy":
        if (self.approvals or any(self.approvals_for.values())) and not self.approvers:
            raise ValueError("given `approvers` where it wants approvals")
        return self


class SshText(Written):
    """How to log in. A host's settings go before its group's, and these before the environment's.

    Attributes:
        user: Login name.
        port: TCP port.
        identity: A private key's file; without it, the agent and ssh's usual files.
        known_hosts: The file of known host keys; without it, `~/.ssh/known_hosts`.
        config: An ssh_config file, `~/.ssh/config` unless given; null for none.
        jump: The host to go through: a name of the ssh_config, or `user@host:port`.
        become: The user to become by `sudo -n` after the login.
        connect_timeout: How long to wait for a connection.
        reconnect: How long to wait for a connection that broke in the middle of a run; two minutes unless given.
    """

    user: NonEmpty | None = None
    port: Port | None = None
    identity: FileText | None = None
    known_hosts: FileText | None = None
    config: FileText | None = None
    jump: NonEmpty | None = None
    become: NonEmpty | None = None
    connect_timeout: Duration | None = None
    reconnect: Duration | None = None


class DatabaseText(Written):
    """The app's database; the connection goes through the host's SSH connection.

    Attributes:
        url: Where its URL is to be had.
    """

    url: UrlText


class Shared(Written):
    """What a group and a host can both say; the host's word goes first.

    Attributes:
        ssh: How to log in.
        become: The user to become by `sudo -n` after the login.
        env: Variables of the environment for every command on the host; no secrets.
        vars: What playbooks see: `app` as `{{ app.… }}`, the rest as `{{ host.vars.… }}`. Templates may name what
            stands before them, and `host`.
        database: The app's database.
        secrets: Secrets by name; references, never values.
    """

    ssh: SshText = SshText()
    become: NonEmpty | None = None
    env: Environment = {}
    vars: dict[VariableOfEnvironment, Any] = {}
    database: DatabaseText | None = None
    secrets: dict[Name, SecretText] = {}


class HostText(Shared):
    """One host.

    Attributes:
        address: Its name or address in the network; without it, the host's name here.
        port: The SSH port, short for `ssh: {port: …}`.
        machine_id: What stands in its /etc/machine-id; another machine at its address is refused.
    """

    address: NonEmpty | None = None
    port: Port | None = None
    machine_id: MachineId | None = None


class GroupText(Shared):
    """Hosts that run the same app.

    Attributes:
        hosts: Each host under its name.
    """

    hosts: dict[Name, HostText | None] = Field(min_length=1)


class ContactText(Written):
    """Somebody to call.

    Attributes:
        level: 1 is called first.
        name: Who; no two have one name.
        for_: For what: words that playbooks use in `escalate`; without it, for everything.
        how: Telephone, mail or chat, for a person to use.
        notify: URLs of apprise that reach them, as references: each bears a secret.
        after: How long an incident may last, from its first escalation on, before it is their turn, too.
    """

    level: Annotated[int, Field(ge=1)]
    name: NonEmpty
    for_: tuple[NonEmpty, ...] = Field(default=(), alias="for")
    how: str = ""
    notify: tuple[SecretText, ...] = ()
    after: Duration | None = None


class InventoryText(Written):
    """An inventory as it is written: one environment.

    Attributes:
        environment: Its name.
        development: Whether what lives there may be lost: only then actions for development alone may be planned.
        policy: What it allows.
        ssh: How to log in, for all hosts.
        groups: Groups of hosts, each under its name.
        contacts: Whom to call when a run needs a person.
        watch: What `remediate watch` does here.
    """

    environment: Name
    development: bool = False
    policy: Policy = Policy()
    ssh: SshText = SshText()
    groups: dict[Name, GroupText] = Field(min_length=1)
    contacts: tuple[ContactText, ...] = ()
    watch: WatchText = WatchText()
