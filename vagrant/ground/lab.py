"""What can be done with a lab, in order. How each thing is done is the other modules' business."""

import os
import secrets
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ground import app, commands, golden, inventory, network, packages
from ground.errors import UsageError
from ground.hosts import Ground, choose_mode, ground
from ground.places import Account
from ground.progress import Progress
from ground.state import FULL_AT_MOST, LIGHT_AT_MOST, Host, Lab, Role, only_one

PLAIN_APP_PORT, PLAIN_DATABASE_PORT = 13000, 15432
PLAIN_PORTS = 10
"""Ports that each plain lab has for itself, so that two which start at once do not choose the same one."""
AT_ONCE = max(2, os.cpu_count() or 2)
OURS = (
    "hosts",
    "id_ed25519",
    "id_ed25519.pub",
    "token",
    network.LISTENERS,
    "listener.log",
    "lab.json",
    "lock",
)
"""What a lab puts into its state folder, and `down` takes out again; lab.json late, as it tells of the rest."""


@dataclass(frozen=True)
class Wanted:
    """How many hosts of each role, and whether a full one has a second app."""

    full: int
    light: int
    second_app: bool = False

    def __post_init__(self) -> None:
        """Refuse what there are no addresses for."""
        for given, most, option in (
            (self.full, FULL_AT_MOST, "--hosts"),
            (self.light, LIGHT_AT_MOST, "--light"),
        ):
            if not 0 <= given <= most:
                raise UsageError(f"{option} {given}: it is a number from 0 to {most}")
        if self.full + self.light == 0:
            raise UsageError(
                "--hosts 0: a lab without hosts; ask for one at least, or for `vagrant/lab down`"
            )


# --- up


def up(state: Path, wanted: Wanted, inventory_file: Path, progress: Progress) -> Lab:
    """Bring a lab up, or add to it what is missing.

    Raises LabError; what this call started has been ended again then.
    """
    with _terminated_as_interrupted(), only_one(state, progress):
        lab = Lab.load(state)
        if lab:
            _grow(lab, wanted, progress)
            return lab
        _refuse_foreign_folder(state)
        try:
            lab = _found(state, inventory_file, progress)
            _grow(lab, wanted, progress)
        except BaseException:
            _take_down(state)
            raise
        return lab


def _refuse_foreign_folder(state: Path) -> None:
    foreign = sorted(path.name for path in state.iterdir() if path.name not in OURS)
    if foreign:
        message = (
            f"{state}: is not a lab's and not empty (it has {foreign[0]}); choose another folder with --state"
        )
        raise UsageError(message)


def _found(state: Path, inventory_file: Path, progress: Progress) -> Lab:
    """Make a lab that has no hosts yet: its tree, its addresses, its keys."""
    packages.ensure(progress)
    mode = choose_mode()
    if mode == "plain":
        progress.say("plain mode: no namespaces on this machine, so the hosts share its files and processes")
    tree = golden.ready(progress)
    with golden.in_use(tree) as lock:
        number = network.reserve(state, keep=[lock])
    deploy = "deploy" if mode == "namespaces" else Account.unprivileged().name
    lab = Lab(state, mode, tree, number, network.PORT, inventory_file, deploy)
    lab.save()
    (state / "hosts").mkdir(exist_ok=True)
    _make_key(lab.identity, "lab")
    _write_secret(state / "token", _canary())
    return lab


def _grow(lab: Lab, wanted: Wanted, progress: Progress) -> None:
    """Start the hosts that are wanted and do not run."""
    there = lab.hosts()
    ended = [host for host in there if not host.is_up()]
    new = _new_hosts(lab, there, wanted)
    if not new and not ended:
        progress.say(f"already up: {_names(there)}")
    without = [host for host in there if host.role == "full" and wanted.second_app and not host.second_app]
    if wanted.second_app and lab.mode == "plain":
        raise UsageError("--second-app: plain hosts have one app; start the lab as root, or allow namespaces")
    if ended:
        with progress.step(f"starting {_names(ended)} again"):
            _together(lambda host: _restart(ground(lab.mode), host), ended)
    if new:
        with progress.step(f"starting {_names(new)}"):
            _start_new(lab, new)
    if without:
        with progress.step(f"a second app for {_names(without)}"):
            _together(lambda host: _add_second(ground(lab.mode), host), without)
    inventory.write(lab, ground(lab.mode))


def _add_second(way: Ground, host: Host) -> None:
    app.add_second(way, host)
    replace(host, second_app=True).save()


def _start_new(lab: Lab, hosts: list[Host]) -> None:
    way = ground(lab.mode)
    listener = None
    try:
        for host in hosts:
            _prepare(host)
        if lab.mode == "namespaces":
            listener = network.serve(hosts, lab.state)
        _together(lambda host: _start(way, host), hosts)
    except BaseException:
        with _uninterrupted():
            if listener:
                listener.end()
            for host in hosts:
                way.stop(host)
                shutil.rmtree(host.folder, ignore_errors=True)
        raise


def _new_hosts(lab: Lab, there: Sequence[Host], wanted: Wanted) -> list[Host]:
    known = {host.name for host in there}
    asked: list[tuple[Role, int]] = [("full", number) for number in range(1, wanted.full + 1)]
    asked += [("light", number) for number in range(1, wanted.light + 1)]
    hosts = [
        Host(lab, role, number, second_app=wanted.second_app and role == "full") for role, number in asked
    ]
    missing = [host for host in hosts if host.name not in known]
    return missing if lab.mode == "namespaces" else _with_own_ports(missing, there)


def _with_own_ports(hosts: Sequence[Host], there: Sequence[Host]) -> list[Host]:
    taken = {port for host in there for port in (host.app_port, host.database_port)}
    ready = []
    for host in hosts:
        own = (host.lab.network - network.FIRST_NETWORK) // 2 * PLAIN_PORTS
        application = network.free_port(PLAIN_APP_PORT + own, taken)
        database = network.free_port(PLAIN_DATABASE_PORT + own, taken)
        taken |= {application, database}
        ready.append(Host(host.lab, host.role, host.number, application, database))
    return ready


def _prepare(host: Host) -> None:
    host.folder.mkdir(parents=True)
    _make_key(host.folder / "hostkey", host.name)
    shutil.copy(host.lab.identity.with_suffix(".pub"), host.folder / "authorized_keys")
    if host.lab.mode == "namespaces":
        # With a few characters that a URL must escape, because real passwords have them.
        _write_secret(host.password_file, f"{_canary()}@/%\n")
    _write_secret(host.folder / "env", app.environment_file(host, app.first(host)))
    _write_secret(host.folder / "pm2-secret", f"{_canary()}\n")
    host.save()


def _start(way: Ground, host: Host) -> None:
    way.start(host)
    if host.role == "full":
        app.wait(way, host, app.first(host))
    if host.second_app:
        app.add_second(way, host)


def _make_key(path: Path, comment: str) -> None:
    if not path.exists():
        keygen = [
            commands.need("ssh-keygen"),
            "-q",
            "-t",
            "ed25519",
            "-N",
            "",
            "-C",
            comment,
            "-f",
            str(path),
        ]
        commands.run(keygen, what=path.name)


def _canary() -> str:
    """Return a secret that is recognised wherever it turns up and should not."""
    return f"canary{secrets.token_hex(16)}"


def _write_secret(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


# --- down, reset


def down(state: Path, progress: Progress) -> None:
    """End a lab and take away everything it made but the cache."""
    if not state.exists():
        progress.say("no lab is up")
        return
    with only_one(state, progress):
        lab = Lab.load(state)
        if lab is None:
            progress.say("no lab is up")
        else:
            with progress.step(f"ending {_names(lab.hosts())}"):
                _take_down(state)
        _remove_ours(state)


def _take_down(state: Path) -> None:
    with _uninterrupted():
        lab = Lab.load(state)
        network.stop(state)
        if lab:
            _together(ground(lab.mode).stop, lab.hosts())
            inventory.remove(lab)
        _remove_ours(state)


def _remove_ours(state: Path) -> None:
    for name in OURS:
        path = state / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    with suppress(OSError):  # somebody else's things are in it
        state.rmdir()


def reset(lab: Lab, hosts: Sequence[Host], progress: Progress) -> None:
    """Put hosts back as they were when they were new."""
    with (
        _terminated_as_interrupted(),
        only_one(lab.state, progress),
        progress.step(f"resetting {_names(hosts)}"),
    ):
        _together(lambda host: _restart(ground(lab.mode), host), hosts)


def reset_database(lab: Lab, hosts: Sequence[Host], progress: Progress) -> None:
    """Put the databases of hosts back as they were when they were new."""
    way = ground(lab.mode)
    with only_one(lab.state, progress), progress.step(f"resetting the database of {_names(hosts)}"):
        for host in hosts:
            app.reset_database(way, host, app.first(host))
            app.wait(way, host, app.first(host))


def _restart(way: Ground, host: Host) -> None:
    way.stop(host)
    _start(way, host)


# --- several at once, to the end


def _together(action: Callable[[Host], None], hosts: Sequence[Host]) -> None:
    """Do something to hosts, a few at once; the first error is raised when all that were begun have ended."""
    executor = ThreadPoolExecutor(max_workers=AT_ONCE)
    try:
        for done in [executor.submit(action, host) for host in hosts]:
            done.result()
    finally:
        executor.shutdown(cancel_futures=True)


def _names(hosts: Sequence[Host]) -> str:
    shown = [host.name for host in hosts]
    most = 6
    return (
        ", ".join(shown)
        if len(shown) <= most
        else f"{', '.join(shown[:3])} … {shown[-1]} ({len(shown)} hosts)"
    )


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM end a command as Ctrl-C does, that is with its cleaning up."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let an impatient second Ctrl-C wait until everything is put away."""
    before = [(number, signal.signal(number, signal.SIG_IGN)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
