"""The backend as a lab sees it: its settings on a host, whether it answers, its database put back."""

import os
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from ground import commands, places, plain
from ground.errors import LabError, UsageError
from ground.hosts import Ground
from ground.postgres import DATABASE, TEMPLATE
from ground.state import Host

PATIENCE_VARIABLE = "REMEDIATE_LAB_PATIENCE"
PATIENCE_SECONDS = "20"
"""How long the app may take to answer well after a start, or badly after a fault."""

SECOND_PORT = 100
"""How far the second app's port is from the first one's."""


@dataclass(frozen=True)
class App:
    """One application on a host.

    Attributes:
        name: As PM2 has it.
        backend: Its folder, as the host sees it; the one above is the app's root.
        port: Where it listens on the host's loopback.
        database: The name of its database.
        user: Whose it is.
    """

    name: str
    backend: str
    port: int
    database: str
    user: str

    @property
    def root(self) -> str:
        """The folder that the backend and all else of the app lie in."""
        return self.backend.rpartition("/")[0]


def first(host: Host) -> App:
    """Return the app that every full host has."""
    return App("lumiku-backend", backend_folder(host), host.app_port, DATABASE, host.lab.deploy)


def second(host: Host) -> App:
    """Return the other one, with which nothing is as with the first; its paths have spaces."""
    user = "ops" if places.is_root() else host.lab.deploy  # an ordinary user has but one account in a host
    return App("photo-studio", "/srv/photo studio/back end", host.app_port + SECOND_PORT, "studio", user)


def app_of(host: Host, name: str | None) -> App:
    """Return the app of that name, or the first.

    Raises UsageError where the host has none of that name.
    """
    apps = {app.name: app for app in (first(host), *([second(host)] if host.second_app else []))}
    if name is not None and name not in apps:
        raise UsageError(f"{host.name}: has no app {name}; there are {', '.join(apps)}")
    return apps[name] if name else first(host)


def environment_file(host: Host, app: App) -> str:
    """Return the text of a backend's .env."""
    values = {
        "DATABASE_URL": _database_url(host, app),
        "API_TOKEN": host.lab.token,
        "HOST": "127.0.0.1",
        "PORT": str(app.port),
    }
    return "".join(f'{name}="{value}"\n' for name, value in values.items())


def settings(host: Host, app: App) -> dict[str, str]:
    """Return what a fault or a probe has to know of an app on a host, as variables of a shell."""
    return {
        "APP_NAME": app.name,
        "APP_ROOT": app.root,
        "BACKEND": app.backend,
        "PORT": str(app.port),
        "API": f"http://127.0.0.1:{app.port}/api/apps/avatar-creator",
        "API_TOKEN": host.lab.token,
        "PATIENCE": os.environ.get(PATIENCE_VARIABLE, PATIENCE_SECONDS),
        "DATABASE_URL": _database_url(host, app),
        "SCHEMA_ENGINE": engine_program(host),
    }


def _database_url(host: Host, app: App) -> str:
    url = urlsplit(host.database_url(f"127.0.0.1:{host.database_port}"))
    return url._replace(path=f"/{app.database}").geturl()


def backend_folder(host: Host) -> str:
    """Return the first app's backend as its host sees it."""
    return "/srv/lumiku/backend" if host.lab.mode == "namespaces" else str(plain.backend_of(host))


def engine_program(host: Host) -> str:
    """Return Prisma's schema engine as its host sees it."""
    return (
        "/opt/schema-engine/schema-engine" if host.lab.mode == "namespaces" else str(host.lab.golden.engine)
    )


def wait(ground: Ground, host: Host, app: App) -> None:
    """Wait until an app answers.

    Raises LabError with what it answers instead.
    """
    script = (places.HOST_SCRIPTS / "wait-for-app.sh").read_text()
    run_script(ground, host, script, settings(host, app), app.user)


def add_second(ground: Ground, host: Host) -> None:
    """Give a host its second app: a copy of the first, with a database, a user, a port and logs of its own."""
    app = second(host)
    reset_database(ground, host, app)
    known = {**settings(host, app), "APP_USER": app.user, "ENVIRONMENT": environment_file(host, app)}
    known["FIRST"] = first(host).backend
    script = (places.HOST_SCRIPTS / "second-app.sh").read_text()
    run_script(ground, host, script, known, "root" if places.is_root() else app.user)
    wait(ground, host, app)


def reset_database(ground: Ground, host: Host, app: App) -> None:
    """Put an app's database back as it was when the host was new."""
    sockets = "/run/postgresql" if host.lab.mode == "namespaces" else str(plain.root_of(host) / "run")
    psql = [
        str(commands.need_postgresql() / "psql"),
        "-X",
        "-w",
        "-q",
        "-v",
        "ON_ERROR_STOP=1",
        "-U",
        "postgres",
    ]
    where = ["-h", sockets, "-p", str(host.database_port), "-d", "postgres"]
    statements = (
        f"DROP DATABASE IF EXISTS {app.database} WITH (FORCE)",
        f"CREATE DATABASE {app.database} TEMPLATE {TEMPLATE} OWNER {DATABASE}",
    )
    asked = [word for statement in statements for word in ("-c", statement)]
    _run(ground.command(host, host.lab.deploy, [*psql, *where, *asked]), host)


def run_script(ground: Ground, host: Host, script: str, known: dict[str, str], user: str) -> None:
    """Run a bash script on a host as a user, with `known` as its variables.

    They travel on stdin with the script: an argument list shows in `ps`, and the token is among them.

    Raises LabError with the last line it wrote to stderr.
    """
    variables = "".join(f"{name}={shlex.quote(value)}\n" for name, value in known.items())
    _run(ground.command(host, user, ["bash", "-s"]), host, variables + script)


def _run(command: Sequence[str], host: Host, stdin: str = "") -> None:
    result = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, cwd="/")
    if result.returncode != 0:
        raise LabError(f"{host.name}: {commands.tail(result.stderr or result.stdout)}")
