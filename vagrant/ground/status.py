"""What a lab is doing, for people and for programs."""

import json
import subprocess
from pathlib import Path
from typing import Any

from ground import app, inventory
from ground.hosts import Ground, ground
from ground.state import Host, Lab


def describe(state: Path) -> dict[str, Any]:
    """Return the state of a lab as plain values: what `lab status --json` prints."""
    lab = Lab.load(state)
    if lab is None:
        return {"up": False, "state": str(state), "hosts": []}
    way = ground(lab.mode)
    hosts = [_host(way, host) for host in lab.hosts()]
    return {
        "up": all(host["up"] for host in hosts),
        "mode": lab.mode,
        "state": str(lab.state),
        "golden": str(lab.golden.path),
        "inventory": str(lab.inventory),
        "known_hosts": str(inventory.known_hosts(lab)),
        "identity": str(lab.identity),
        "token_file": str(lab.state / "token"),
        "logins": list(way.logins),
        "deploy": lab.deploy,
        "port": lab.port,
        "hosts": hosts,
    }


def _host(way: Ground, host: Host) -> dict[str, Any]:
    is_up = host.is_up()
    about: dict[str, Any] = {"name": host.name, "role": host.role, "address": host.address, "up": is_up}
    if host.role == "full":
        about |= {"app_port": host.app_port, "database_port": host.database_port}
        about |= {"backend": app.backend_folder(host), "projects": _answer(way, host) if is_up else None}
    return about


def _answer(way: Ground, host: Host) -> int:
    """Return the status of GET /projects; 0 when nobody answers."""
    known = app.settings(host, app.first(host))
    header = f'header = "Authorization: Bearer {known["API_TOKEN"]}"\n'  # by stdin: no argument list shows it
    curl = ["curl", "-s", "-o", "/dev/null", "-m", "5", "-w", "%{http_code}", "--config", "-"]
    command = way.command(host, host.lab.deploy, [*curl, f"{known['API']}/projects"])
    ended = subprocess.run(command, input=header, capture_output=True, text=True, check=False)
    return int(ended.stdout or 0)


def as_text(about: dict[str, Any]) -> str:
    """Return the same for people."""
    if not about["hosts"]:
        return f"no lab is up ({about['state']})"
    lines = [f"{about['mode']} mode, logins {', '.join(about['logins'])}, inventory {about['inventory']}"]
    lines += [_line(host, about["port"]) for host in about["hosts"]]
    return "\n".join(lines)


def _line(host: dict[str, Any], port: int) -> str:
    app_says = (
        f", GET /projects {host['projects'] or 'does not answer'}" if host.get("projects") is not None else ""
    )
    return f"  {host['name']:<9} {host['address']}:{port}  {'up' if host['up'] else 'down'}{app_says}"


def as_json(about: object) -> str:
    """Return the same for programs."""
    return json.dumps(about, indent=2)
