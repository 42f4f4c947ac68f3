"""An inventory's host -> a target over SSH, with its database. Nothing is connected before the first question."""

import os
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from remediate.errors import CouldNotLook
from remediate.inventory import Host, Reference
from remediate.questions import Unanswered
from remediate.text.dotenv import dotenv_secrets, required_value
from remediate.transport.database import Database
from remediate.transport.host import SshTarget
from remediate.transport.host_database import HostDatabase, ReadFile
from remediate.transport.identified import IdentifiedDatabase
from remediate.transport.settings import SshSettings
from remediate.transport.ssh import Link
from remediate.transport.trips import Trips


def ssh_settings(host: Host) -> SshSettings:
    """Return the way to a host, as the inventory says it."""
    return SshSettings(
        name=host.name,
        address=host.address,
        port=host.port,
        user=host.user,
        identity=_path(host.identity),
        known_hosts=_path(host.known_hosts),
        config=_path(host.config),
        jump=host.jump,
        become=host.become,
        env=host.env,
        machine_id=host.machine_id,
        connect_timeout=host.connect_timeout,
        reconnect=host.reconnect,
    )


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def target_of(
    host: Host,
    secrets: Mapping[str, str],
    trips: Trips,
    *,
    learn: Callable[[str], None],
    on_output: Callable[[str], None],
    on_warning: Callable[[str], None],
) -> "closing[SshTarget]":
    """Return the target of a host, to be closed by whoever opens it.

    Args:
        host: The host.
        secrets: Its secrets, revealed.
        trips: Counts its round trips.
        learn: Told every secret that turns up on the way, so that it is masked.
        on_output: Told each line that a running command prints.
        on_warning: Told that the connection went and is waited for.
    """
    databases: list[IdentifiedDatabase] = []

    def make_database(link: Link, read: ReadFile) -> HostDatabase:
        where = f"{host.name}: database"
        database = Database(lambda: _url(host, read, learn), link, trips, learn=learn, where=where)
        databases.append(IdentifiedDatabase(database))
        return databases[0]

    target = SshTarget(
        ssh_settings(host),
        app=str(host.vars.get("app", {}).get("name", host.group)),
        secrets=secrets,
        trips=trips,
        make_database=make_database if host.database else None,
        facts=lambda: databases[0].facts if databases else {},
        on_output=on_output,
        on_warning=on_warning,
    )
    return closing(target)


def _url(host: Host, read: ReadFile, learn: Callable[[str], None]) -> str:
    reference = host.database.url if host.database else None
    if reference is None:
        raise CouldNotLook(
            host.name, "the inventory names no database for this host", "add `database:` to it"
        )
    if not reference.env_file:
        return reference.reveal(os.environ)
    return _url_on_host(host, reference, read, learn)


def _url_on_host(host: Host, reference: Reference, read: ReadFile, learn: Callable[[str], None]) -> str:
    """Return the URL, and have the other secrets beside it masked, too: a build may print the whole file."""
    file = read(reference.env_file)
    if isinstance(file, Unanswered):
        raise CouldNotLook(host.name, file.reason)
    for secret in dotenv_secrets(file.content):
        learn(secret)
    return required_value(file, f"{host.name}: {reference.env_file}", reference.key)
