"""The command line of `vagrant/lab`. Reads arguments, calls, prints; decides nothing else."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from ground import app, commands, faults, inventory, lab, packages, places, status
from ground.errors import LabError, UsageError
from ground.hosts import MODE_VARIABLE, ground
from ground.progress import Progress
from ground.state import Host, Lab, only_one

DESCRIPTION = """\
The practice ground: hosts on this machine, to break and to repair.
Each has its own sshd, PostgreSQL, PM2 and backend."""
EPILOG = f"""\
the usual way:
  vagrant/lab up                          web1, and inventory/lab.yml to reach it
  vagrant/lab break missing-columns       its API now answers 500
  vagrant/lab reset                       as new

environment:
  {MODE_VARIABLE}             namespaces or plain, instead of what fits this machine
  REMEDIATE_LAB_NATIVE_ENGINE    Prisma's own schema-engine program, instead of the one from npm
  REMEDIATE_LAB_PATIENCE         seconds to wait for the app to answer, or to fail (20)

exit codes: 0 done, 1 failed, 2 wrong usage or something has to be installed
"""
INTERRUPTED = 130


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("lab: interrupted; what was begun has been put away", file=sys.stderr)
        return INTERRUPTED


# --- the commands


def _up(options: argparse.Namespace) -> int:
    wanted = lab.Wanted(options.hosts, options.light, options.second_app)
    made = lab.up(options.state, wanted, options.inventory, Progress())
    print(f"{len(made.hosts())} hosts, inventory {made.inventory}")
    return 0


def _packages(options: argparse.Namespace) -> int:
    if options.browser:
        packages.ensure_browser(Progress())
        print("the browser that pages are looked at with is installed")
        return 0
    packages.ensure(Progress())
    print("all that hosts are made of is installed")
    return 0


def _down(options: argparse.Namespace) -> int:
    lab.down(options.state, Progress())
    return 0


def _status(options: argparse.Namespace) -> int:
    about = status.describe(options.state)
    print(status.as_json(about) if options.json else status.as_text(about))
    return 0


def _faults(options: argparse.Namespace) -> int:
    if options.json:
        print(status.as_json([fault.facts for fault in faults.all_faults()]))
        return 0
    known = faults.all_faults()
    width = max(len(fault.name) for fault in known)
    for fault in known:
        print(f"{fault.name:<{width}} {fault.description}")
    return 0


def _break(options: argparse.Namespace) -> int:
    fault = faults.find(options.fault)
    up = _need_lab(options.state)
    host = _need_host(up, options.on, role="full")
    progress = Progress()
    broken = app.app_of(host, options.app)
    with only_one(up.state, progress), progress.step(f"{host.name}: {fault.name}"):
        faults.break_app(ground(up.mode), host, fault, broken)
    return 0


def _reset(options: argparse.Namespace) -> int:
    up = _need_lab(options.state)
    if options.database:
        chosen = [_need_host(up, options.host, role="full")] if options.host else _full(up)
        lab.reset_database(up, chosen, Progress())
    else:
        lab.reset(up, [_need_host(up, options.host)] if options.host else up.hosts(), Progress())
    return 0


def _ssh(options: argparse.Namespace) -> NoReturn:
    up = _need_lab(options.state)
    host = _need_host(up, options.host)
    settings = {
        "IdentityFile": up.identity,
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": inventory.known_hosts(up),
        "StrictHostKeyChecking": "yes",
        "Port": up.port,
        "User": options.user or up.deploy,
    }
    named = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    command = [commands.need("ssh"), "-F", "none", *named, host.address, *_words(options.command)]
    os.execv(command[0], command)  # noqa: S606 - ssh takes our place


def _exec(options: argparse.Namespace) -> NoReturn:
    up = _need_lab(options.state)
    words = _words(options.command)
    if not words:
        raise UsageError("exec: no command; write it after --, as in: vagrant/lab exec web1 -- pm2 list")
    host = _need_host(up, options.host)
    command = ground(up.mode).command(host, options.user or up.deploy, words)
    os.execvp(command[0], command)  # noqa: S606 - it takes our place


# --- what they need


def _need_lab(state: Path) -> Lab:
    up = Lab.load(state)
    if up is None:
        raise LabError(f"no lab is up in {state}; start it with `vagrant/lab up`")
    return up


def _need_host(up: Lab, name: str, role: str | None = None) -> Host:
    host = up.host(name)
    if host is None:
        raise UsageError(f"{name}: no such host; there are {', '.join(host.name for host in up.hosts())}")
    if role == "full" and host.role != "full":
        raise UsageError(
            f"{name}: is a light host, with sshd only; choose one of {', '.join(host.name for host in _full(up))}"
        )
    return host


def _full(up: Lab) -> list[Host]:
    return [host for host in up.hosts() if host.role == "full"]


def _words(command: list[str]) -> list[str]:
    return command[1:] if command[:1] == ["--"] else command


# --- the arguments


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say it in one line."""
        self.exit(2, f"lab: {message}; see `{self.prog} --help`\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="vagrant/lab",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    every = _Parser(add_help=False)
    state_help = f"the lab's folder (default {places.default_state()}); another one is another lab"
    every.add_argument("--state", type=_path, default=places.default_state(), metavar="DIR", help=state_help)
    adder = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = adder.add_parser(name, parents=[every], help=text, description=text)
        added.set_defaults(run=run)
        return added

    _add_whole_lab(command)
    _add_one_host(command)
    return parser


_Adder = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]


def _add_whole_lab(command: _Adder) -> None:
    up = command("up", _up, "bring the lab up, or add hosts to it")
    up.add_argument("--hosts", type=int, default=1, metavar="N", help="full hosts: web1, web2 … (default 1)")
    light_help = "light hosts, with sshd only: light1, light2 … (default 0)"
    up.add_argument("--light", type=int, default=0, metavar="N", help=light_help)
    second_help = (
        "give each full host a second app, with spaces in its path: studio1, studio2 … in the inventory"
    )
    up.add_argument("--second-app", action="store_true", help=second_help)
    inventory_help = "where to write the inventory (default inventory/lab.yml)"
    up.add_argument(
        "--inventory", type=_path, default=places.DEFAULT_INVENTORY, metavar="FILE", help=inventory_help
    )
    installed = command(
        "packages", _packages, "install the Debian packages that hosts are made of; `up` does it as well"
    )
    browser_help = "instead, the browser that tests look at pages with"
    installed.add_argument("--browser", action="store_true", help=browser_help)
    command("down", _down, "end the lab and take away everything but the cache")
    shown = command("status", _status, "which hosts there are, and whether their app answers")
    shown.add_argument("--json", action="store_true", help="for programs")
    listed = command("faults", _faults, "list the faults for `break`")
    listed.add_argument("--json", action="store_true", help="for programs, with the playbook that cures each")


def _add_one_host(command: _Adder) -> None:
    broken = command("break", _break, "break a host, and see that it is broken")
    broken.add_argument("fault", metavar="FAULT", help="see `vagrant/lab faults`")
    broken.add_argument("--on", default="web1", metavar="HOST", help="a full host (default web1)")
    broken.add_argument("--app", metavar="NAME", help="which app of it, as PM2 has it (default: the first)")
    back = command("reset", _reset, "put hosts back as they were when they were new")
    back.add_argument("host", nargs="?", metavar="HOST", help="one host (default: all)")
    back.add_argument(
        "--database", action="store_true", help="the database only, which takes a tenth of a second"
    )
    for name, run, text in (
        ("ssh", _ssh, "log in to a host, or run a command there, with the real ssh"),
        ("exec", _exec, "run a command on a host directly, without ssh"),
    ):
        entered = command(name, run, text)
        entered.add_argument("--user", metavar="NAME", help="(default: the app's user)")
        entered.add_argument("host", metavar="HOST")
        entered.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND …")


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()
