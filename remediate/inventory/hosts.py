"""A host as an inventory describes it: environment, group and host made into one frozen value. It reaches no host.

The nearer word goes first: host before group before environment. What is templated is rendered in the order in which it
was written, so a value may name those before it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from remediate.inventory.files import beside
from remediate.inventory.references import Reference, SecretText, UrlText
from remediate.inventory.written import GroupText, HostText, InventoryText, Policy, Shared
from remediate.model import Json
from remediate.questions import Value
from remediate.text.strict_yaml import Document, Place
from remediate.text.templates import TemplateFault, is_template, read_template

CONFIG = "~/.ssh/config"
"""Read unless an inventory names another, or null; where it is there."""


class DatabaseReference(Value):
    """The app's database.

    Attributes:
        url: Where its URL is to be had.
    """

    url: Reference


class Host(Value):
    """One host, with everything that is needed to work on it.

    Attributes:
        name: Its name in the inventory.
        environment: The inventory's environment.
        development: Whether what lives there may be lost.
        group: Its group.
        address: Its name or address in the network.
        port: TCP port of ssh; 22 leaves the word to the ssh_config, where that names another.
        user: Login name; None leaves it to the ssh_config.
        identity: A private key's file, absolute.
        known_hosts: The file of known host keys, absolute; None means `~/.ssh/known_hosts`.
        config: An ssh_config file, absolute, or None for none.
        jump: The host to go through.
        become: The user to become after the login.
        connect_timeout: Seconds.
        reconnect: Seconds that a broken connection is waited for.
        machine_id: The only /etc/machine-id that may answer; empty where any may.
        env: Variables of the environment for every command.
        vars: What playbooks see.
        database: The app's database.
        secrets: References by name.
        policy: The environment's.
    """

    name: str
    environment: str
    development: bool = False
    group: str
    address: str
    port: int = 22
    user: str | None = None
    identity: str | None = None
    known_hosts: str | None = None
    config: str | None = None
    jump: str | None = None
    become: str | None = None
    connect_timeout: float = 10.0
    reconnect: float = 120.0
    machine_id: str = ""
    env: dict[str, str] = {}
    vars: dict[str, Json] = {}
    database: DatabaseReference | None = None
    secrets: dict[str, Reference] = {}
    policy: Policy = Policy()

    @property
    def scope(self) -> dict[str, Json]:
        """What a playbook's templates see of it; what `database` has is only known once it was asked."""
        own = {"name", "address", "environment", "group", "user", "vars"}
        return {
            "host": self.model_dump(mode="json", include=own),
            "app": self.vars.get("app", {}),
            "database": {},
        }


def hosts_of(text: InventoryText, policy: Policy, document: Document) -> tuple[Host, ...]:
    """Return every host of an inventory, in the file's order.

    Raises:
        InventoryError: A template in it names what is not there, or is none.
    """
    return tuple(
        _Building(text, group, name, policy, document).host()
        for group in text.groups
        for name in text.groups[group].hosts
    )


@dataclass
class _Building:
    """One host while it is put together."""

    text: InventoryText
    group_name: str
    name: str
    policy: Policy
    document: Document
    scope: dict[str, Json] = field(default_factory=dict)

    def host(self) -> Host:
        """Return the host."""
        ssh = self._ssh()
        address = self.own.address or self.name
        about = {
            "name": self.name,
            "address": address,
            "environment": self.text.environment,
            "group": self.group_name,
        }
        self.scope["host"] = {**about, "user": ssh.get("user")}
        variables = self._variables()
        return Host(
            **about,
            **ssh,
            machine_id=self.own.machine_id or "",
            development=self.text.development,
            env={key: str(self._rendered(value, ("env", key))) for key, value in self._merged("env").items()},
            vars=variables,
            database=self._database(),
            secrets={key: self._secret(key, secret) for key, secret in self._merged("secrets").items()},
            policy=self.policy,
        )

    @property
    def group(self) -> GroupText:
        return self.text.groups[self.group_name]

    @property
    def own(self) -> HostText:
        return self.group.hosts[self.name] or HostText()

    @property
    def levels(self) -> tuple[tuple[Place, Shared], ...]:
        """The nearer first, each with its place in the file."""
        group: Place = ("groups", self.group_name)
        return ((*group, "hosts", self.name), self.own), (group, self.group)

    def _merged(self, key: str) -> dict[str, Any]:
        return {**getattr(self.group, key), **getattr(self.own, key)}

    def _place(self, way: Place) -> Place:
        """Return where something was written: at the host, or else at its group."""
        places = [(*level, *way) for level, _ in self.levels]
        return next((place for place in places if place in self.document.values), places[-1])

    def _ssh(self) -> dict[str, Any]:
        written = [self.text.ssh, self.group.ssh, self.own.ssh]
        merged: dict[str, Any] = {"config": CONFIG} if Path(CONFIG).expanduser().is_file() else {}
        for level, become in zip(written, (None, self.group.become, self.own.become), strict=True):
            merged |= level.model_dump(exclude_unset=True)
            merged |= {"become": become} if become else {}
        merged |= {"port": self.own.port} if self.own.port else {}
        files = {
            key: self._path(merged[key]) for key in ("identity", "known_hosts", "config") if merged.get(key)
        }
        return {key: value for key, value in {**merged, **files}.items() if value is not None}

    def _path(self, written: str) -> str:
        return beside(self.document.path.parent, written)

    def _variables(self) -> dict[str, Json]:
        merged = _laid_over(self.group.vars, self.own.vars)
        if "host" in merged:
            raise self.document.error(self._place(("vars", "host")), "`host` is the host itself", "rename it")
        self.scope |= {key: {} for key in merged}
        for key, value in merged.items():
            self._render_into(self.scope, key, value, ("vars", key))
        return {key: self.scope[key] for key in merged}

    def _render_into(self, around: dict[str, Json], key: str, value: Json, way: Place) -> None:
        """Render a value where it will stand, so that what comes after it can name it."""
        if isinstance(value, dict):
            around[key] = {}
            for inner, below in value.items():
                self._render_into(around[key], inner, below, (*way, inner))
        else:
            around[key] = self._rendered(value, way)

    def _rendered(self, value: Json, way: Place) -> Json:
        if isinstance(value, list):
            return [self._rendered(inner, (*way, index)) for index, inner in enumerate(value)]
        if isinstance(value, dict):
            return {key: self._rendered(inner, (*way, key)) for key, inner in value.items()}
        if not is_template(value):
            return value
        try:
            return read_template(value, dict.fromkeys(self.scope)).render(self.scope)
        except TemplateFault as fault:
            raise self.document.error(self._place(way), fault.what, fault.todo) from fault

    def _database(self) -> DatabaseReference | None:
        written = self.own.database or self.group.database
        if written is None:
            return None
        url = self._reference("database url", written.url, ("database", "url"))
        return DatabaseReference(url=url)

    def _secret(self, name: str, secret: SecretText) -> Reference:
        return self._reference(f"secret {name}", secret, ("secrets", name))

    def _reference(self, name: str, written: SecretText | UrlText, way: Place) -> Reference:
        given: Mapping[str, Any] = self._rendered(written.model_dump(mode="json", exclude_none=True), way)
        file = {"file": self._rendered_path(str(given["file"]), (*way, "file"))} if "file" in given else {}
        where = self.document.where(self._place(way))
        return Reference(name=name, where=where, folder=self._path("."), **_as_text({**given, **file}))

    def _rendered_path(self, rendered: str, way: Place) -> str:
        """Return a path that a template may have made another of than was written."""
        try:
            return self._path(rendered)
        except ValueError as error:
            raise self.document.error(self._place(way), f"`{way[-1]}` must be {error}") from None


def _as_text(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: tuple(map(str, value)) if isinstance(value, list) else str(value) for key, value in given.items()
    }


def _laid_over(below: Mapping[str, Json], above: Mapping[str, Json]) -> dict[str, Json]:
    """Return a mapping with another laid over it, mappings within mappings too."""
    return {key: _nearer(key, below, above) for key in (*below, *(key for key in above if key not in below))}


def _nearer(key: str, below: Mapping[str, Json], above: Mapping[str, Json]) -> Json:
    if key not in above:
        return below[key]
    if isinstance(above[key], dict) and isinstance(below.get(key), dict):
        return _laid_over(below[key], above[key])
    return above[key]
