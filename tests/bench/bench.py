"""What looking costs, against the barest way to do the same in the same run. Prints one `name value` line a figure.

floor_ratio    30 loopback hosts, 10 files each, 20 hosts at once: ours / bare paramiko with one pipelined sh each
wan_ratio      10 files over a line with 100 ms each way: ours / OpenSSH's client with all ten in one command
output_mb_s    200 MB printed by one command: megabytes a second
output_rss_mb  the same: the runner's memory at its peak, imports and all
"""

import resource
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import paramiko

from remediate.questions import Read, Run
from remediate.transport.host import SshTarget
from remediate.transport.settings import SshSettings
from remediate.transport.trips import Trips
from tests.bench.relay import Relay

LAB = Path(__file__).resolve().parents[2] / "vagrant" / "lab"
NAMES = (
    "passwd",
    "group",
    "hosts",
    "hostname",
    "os-release",
    "profile",
    "services",
    "shells",
    "issue",
    "fstab",
)
FILES = tuple(f"/etc/{name}" for name in NAMES)
HOSTS, AT_ONCE, ROUNDS = 30, 20, 5
OUTPUT = 200_000_000
STAT = "stat -c '%f %u %g %.9Y %U %G'"


def main() -> None:
    """Measure everything on a lab of its own."""
    with lab() as hosts:
        rate, peak = output(hosts[0])  # first, so that the peak is its own
        tell("output_mb_s", rate)
        tell("output_rss_mb", peak)
        tell("floor_ratio", floor_ratio(hosts))
        tell("wan_ratio", wan_ratio(hosts[0]))


def tell(name: str, value: float) -> None:
    """Print one figure."""
    print(f"{name} {value:.3g}", flush=True)  # noqa: T201 - this is what it is for


@contextmanager
def lab() -> Iterator[list[SshSettings]]:
    """Bring light hosts up, and take them away again."""
    folder = Path(tempfile.mkdtemp(prefix="lab-b-", dir="/tmp"))
    folder.chmod(0o755)
    inventory, state = folder / "inventory" / "lab.yml", folder / "state"
    call = [sys.executable, LAB]
    try:
        up = [*call, "up", "--state", state, "--hosts", "0", "--light", str(HOSTS), "--inventory", inventory]
        subprocess.run(up, check=True, stdout=subprocess.DEVNULL)
        yield settings(inventory.with_suffix(".known_hosts"), state / "id_ed25519")
    finally:
        subprocess.run([*call, "down", "--state", state], check=False, stdout=subprocess.DEVNULL)
        shutil.rmtree(folder, ignore_errors=True)


def settings(known_hosts: Path, identity: Path) -> list[SshSettings]:
    """Return the ways to the hosts on record."""
    places = [line.split()[0].strip("[").split("]:") for line in known_hosts.read_text().splitlines()]
    return [
        SshSettings(
            name=address,
            address=address,
            port=int(port),
            user="deploy",
            identity=identity,
            known_hosts=known_hosts,
        )
        for address, port in places
    ]


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def floor_ratio(hosts: list[SshSettings]) -> float:
    """Compare in turns, so that both meet the same weather; the median of each counts."""
    ours, bare = [], []
    for _ in range(ROUNDS):
        ours.append(seconds(lambda: on_all(hosts, read_ours)))
        bare.append(seconds(lambda: on_all(hosts, read_bare)))
    return statistics.median(ours) / statistics.median(bare)


def on_all(hosts: list[SshSettings], read: Callable[[SshSettings], object]) -> None:
    """Do it on all hosts, some at once."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(read, hosts))


def read_ours(host: SshSettings) -> None:
    """Read the files as remediate does."""
    target = SshTarget(host, app="bench", secrets={}, trips=Trips())
    questions = [Read(path=path) for path in FILES]
    answers = target.answer(questions)
    assert all(answers[question].exists for question in questions)
    target.close()


def read_bare(host: SshSettings) -> None:
    """Read the same facts of the same files over one channel, with nothing around it."""
    client = paramiko.SSHClient()
    client.load_host_keys(str(host.known_hosts))
    client.connect(
        host.address,
        host.port,
        host.user,
        key_filename=str(host.identity),
        allow_agent=False,
        look_for_keys=False,
    )
    transport = client.get_transport()
    assert transport is not None
    channel = transport.open_session()
    channel.exec_command("sh")
    channel.sendall("".join(f"{STAT} {path}; cat {path}; echo MARK$?\n" for path in FILES).encode())
    got = b""
    while got.count(b"MARK") < len(FILES):
        got += channel.recv(65536)
    client.close()


def wan_ratio(host: SshSettings) -> float:
    """Compare over a long line, in turns."""
    with Relay((host.address, host.port), 0.1) as line, tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "known_hosts"
        assert host.known_hosts is not None
        lines = host.known_hosts.read_text().splitlines()
        keys = [each.split(" ", 1)[1] for each in lines if each.startswith(f"[{host.address}]:{host.port} ")]
        record.write_text("".join(f"[127.0.0.1]:{line.port} {key}\n" for key in keys))
        far = host.model_copy(update={"address": "127.0.0.1", "port": line.port, "known_hosts": record})
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(seconds(lambda: read_ours(far)))
            theirs.append(seconds(lambda: read_openssh(far)))
    return statistics.median(ours) / statistics.median(theirs)


def read_openssh(host: SshSettings) -> None:
    """Read the same with OpenSSH's client, all in one command."""
    words = "; ".join(f"{STAT} {shlex.quote(path)}; cat {shlex.quote(path)}" for path in FILES)
    options = ["-F", "none", "-i", str(host.identity), "-p", str(host.port)]
    checked = ["-o", f"UserKnownHostsFile={host.known_hosts}", "-o", "StrictHostKeyChecking=yes"]
    subprocess.run(
        ["ssh", *options, *checked, f"{host.user}@{host.address}", words],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def output(host: SshSettings) -> tuple[float, float]:
    """Take a flood of output; return megabytes a second, and megabytes of memory at the peak."""
    target = SshTarget(host, app="bench", secrets={}, trips=Trips())
    target.answer([Run(script="true")])
    flood = Run(
        script='yes "a line of a log, neither short nor long" | head -c "$1"',
        args=(str(OUTPUT),),
        timeout=120,
    )
    began = time.perf_counter()
    answer = target.answer([flood])[flood]
    took = time.perf_counter() - began
    assert len(answer.stdout) + answer.left_out == OUTPUT
    target.close()
    return OUTPUT / 1e6 / took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
