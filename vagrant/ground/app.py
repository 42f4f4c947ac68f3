"""The backend as a lab sees it: its settings on a host, whether it answers, its database put back."""

import os
import shlex
import subprocess
from collections.abc import Sequence

from ground import commands, places, plain
from ground.errors import LabError
from ground.hosts import Ground
from ground.postgres import DATABASE, TEMPLATE
from ground.state import Host

PATIENCE_VARIABLE = "REMEDIATE_LAB_PATIENCE"
PATIENCE_SECONDS = "20"
"""How long the app may take to answer well after a start, or badly after a fault."""

RESET_DATABASE = (
    f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)",
    f"CREATE DATABASE {DATABASE} TEMPLATE {TEMPLATE} OWNER {DATABASE}",
)


def environment_file(host: Host) -> str:
    """Return the text of the backend's .env."""
    url = host.database_url(f"127.0.0.1:{host.database_port}")
    values = {
        "DATABASE_URL": url,
        "API_TOKEN": host.lab.token,
        "HOST": "127.0.0.1",
        "PORT": str(host.app_port),
    }
    return "".join(f'{name}="{value}"\n' for name, value in values.items())


def settings(host: Host) -> dict[str, str]:
    """Return what a fault or a probe has to know of the app on a host, as variables of a shell."""
    backend = backend_folder(host)
    return {
        "APP_NAME": "lumiku-backend",
        "APP_ROOT": backend.rpartition("/")[0],
        "BACKEND": backend,
        "PORT": str(host.app_port),
        "API": f"http://127.0.0.1:{host.app_port}/api/apps/avatar-creator",
        "API_TOKEN": host.lab.token,
        "PATIENCE": os.environ.get(PATIENCE_VARIABLE, PATIENCE_SECONDS),
        "DATABASE_URL": host.database_url(f"127.0.0.1:{host.database_port}"),
    }


def backend_folder(host: Host) -> str:
    """Return the backend's folder as its host sees it."""
    return "/srv/lumiku/backend" if host.lab.mode == "namespaces" else str(plain.backend_of(host))


def engine_program(host: Host) -> str:
    """Return Prisma's schema engine as its host sees it."""
    return (
        "/opt/schema-engine/schema-engine" if host.lab.mode == "namespaces" else str(host.lab.golden.engine)
    )


def wait(ground: Ground, host: Host) -> None:
    """Wait until the app answers.

    Raises LabError with what it answers instead.
    """
    run_script(ground, host, (places.HOST_SCRIPTS / "wait-for-app.sh").read_text(), settings(host))


def reset_database(ground: Ground, host: Host) -> None:
    """Put the database back as it was when the host was new."""
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
    statements = [word for statement in RESET_DATABASE for word in ("-c", statement)]
    _run(ground.command(host, host.lab.deploy, [*psql, *where, *statements]), host)


def run_script(ground: Ground, host: Host, script: str, known: dict[str, str]) -> None:
    """Run a bash script on a host as the app's user, with `known` as its variables.

    They travel on stdin with the script: an argument list shows in `ps`, and the token is among them.

    Raises LabError with the last line it wrote to stderr.
    """
    variables = "".join(f"{name}={shlex.quote(value)}\n" for name, value in known.items())
    _run(ground.command(host, host.lab.deploy, ["bash", "-s"]), host, variables + script)


def _run(command: Sequence[str], host: Host, stdin: str = "") -> None:
    result = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, cwd="/")
    if result.returncode != 0:
        raise LabError(f"{host.name}: {commands.tail(result.stderr or result.stdout)}")
