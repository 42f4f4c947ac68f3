"""A host that is not as it must be: one line that says where, what and what to do; exit 6; nothing touched."""

import os
import socket
import subprocess
from collections.abc import Callable, Iterator

import pytest

from remediate.errors import Unreachable
from remediate.owner import LockOwner
from remediate.questions import Read, ReadAnswer
from remediate.target import Job
from remediate.transport.host import SshTarget
from tests.faults.small import CONFIG, HOST, Small, blocked
from tests.operator import Operator
from tests.practice import Practice
from tests.relay import Line

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root is a lab host's administrator")
LOGIN = r"sed -i 's#^\(deploy:x:1000:1000:deploy:\).*#\1{}#' /etc/passwd"
AS_BEFORE = LOGIN.format("/home/deploy:/bin/bash")
AS_OTHER = "cp /etc/machine-id /etc/kept; echo 47114711471147114711471147114711 >/etc/machine-id"
AS_ITSELF = "mv /etc/kept /etc/machine-id"
STATE = "/home/deploy/.remediate"


@pytest.mark.fault(10)
@pytest.mark.parametrize(
    ("make", "mend", "said"),
    [
        pytest.param(
            LOGIN.format("/home/deploy:/bin/false"),
            AS_BEFORE,
            "no shell there: it ended with 1",
            id="no-login",
        ),
        pytest.param(
            LOGIN.format("/home/deploy:/usr/sbin/nologin"),
            AS_BEFORE,
            "no shell there: This account is currently not available",
            id="nologin",
        ),
        pytest.param(
            LOGIN.format("/home/gone:/bin/bash"), AS_BEFORE, "login refused for deploy", id="no-home"
        ),
        pytest.param(
            "mount --bind /dev/null /usr/bin/dash",
            "umount /usr/bin/dash",
            "sh: Permission denied",
            id="no-sh",
        ),
        pytest.param(
            "mount --bind /home/deploy /home/deploy; mount -o remount,bind,ro /home/deploy",
            "umount /home/deploy",
            "Read-only file system",
            id="read-only-home",
        ),
        pytest.param(
            f"mkdir {STATE}; mount -t tmpfs -o nr_inodes=1,mode=700,uid=1000,gid=1000 tmpfs {STATE}",
            f"umount {STATE}; rmdir {STATE}",
            "No space left on device",
            id="full-disk",
        ),
        pytest.param(
            f"mkdir /tmp/elsewhere; chown deploy: /tmp/elsewhere; ln -s /tmp/elsewhere {STATE}",
            f"rm {STATE}; rmdir /tmp/elsewhere",
            f"{STATE} is a link, or not ours",
            id="planted-link",
        ),
    ],
)
def test_a_host_that_cannot_be_worked_on_is_told_and_not_touched(
    small: Small, make: str, mend: str, said: str
) -> None:
    with small.wrong(make, mend):
        assert said in blocked(small, small.runs)


@pytest.fixture
def nobody_there() -> Iterator[tuple[int, int]]:
    """A port that accepts and never says a word, and one that refuses."""
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as closed:
        refusing = closed.getsockname()[1]
        closed.close()
        yield silent.getsockname()[1], refusing


@pytest.mark.fault(28)
def test_a_host_that_is_not_the_one_the_inventory_means_is_told_and_not_touched(
    practice: Practice, small: Small, altered: Callable[..., str], nobody_there: tuple[int, int]
) -> None:
    silent, refusing = nobody_there
    address = f"address: {practice.address(HOST)}"
    other = practice.folder / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    (place, *_), kind, key = (
        practice.inventory.with_name("lab.known_hosts").read_text().splitlines()[-1].split()[:1],
        *other.with_suffix(".pub").read_text().split()[:2],
    )
    practice.inventory.with_name("other.known_hosts").write_text(f"{place} {kind} {key}\n")
    real = practice.on(HOST, "cat", "/etc/machine-id").strip()
    inventories = {
        "accepts connections but says nothing": [
            (address, f"address: 127.0.0.1, port: {silent}, ssh: {{connect_timeout: 1s}}")
        ],
        "refuses connections": [(address, f"address: 127.0.0.1, port: {refusing}")],
        "its host key has changed": [("lab.known_hosts", "other.known_hosts")],
        "login refused for nobody": [("user: deploy, port", "user: nobody, port")],
        "no shell there: sudo:": [(address, f"{address}, become: ops")],
        f"its machine id is {real}, expected is {'4711' * 8}": [
            (address, f"{address}, machine_id: '{'4711' * 8}'")
        ],
    }
    for said, pairs in inventories.items():
        inventory = altered(*pairs)
        assert said in blocked(small, lambda given=inventory: small.runs("-i", given))


@pytest.mark.fault(28)
def test_a_run_is_not_carried_on_nor_taken_back_on_another_machine(small: Small, operator: Operator) -> None:
    assert small.runs().code == 0
    done = operator.last_run
    assert operator.does("rollback", done, "--yes").code == 0
    small.write(stable="60s")
    assert small.until("verifying", lambda process: process.kill()).code == -9
    run = operator.last_run
    with small.wrong(AS_OTHER, AS_ITSELF):
        for command in ("rollback", "resume"):
            said = blocked(small, lambda word=command: operator.does(word, run, "--yes"))
            assert "another machine answers here: its machine id is 4711" in said
        ended = operator.does("resume", done)
        assert (ended.code, ended.out.count("another machine answers here")) == (0, 1), (
            "it ended; a warning is enough"
        )
    assert operator.does("rollback", run, "--yes").code == 0
    assert "colour=red" in small.content()


def test_a_banner_and_noisy_login_files_change_nothing(small: Small) -> None:
    noise = "echo NOISE; echo NOISE >&2; set -eu; alias sh=false; shopt -s expand_aliases; alias printf=false"
    make = f"""
        echo '{noise}' >/home/deploy/.bashrc
        seq 100 >/etc/ssh/banner
        sed -i '1i Banner /etc/ssh/banner' /etc/ssh/sshd_config"""
    with small.wrong(make, "rm /home/deploy/.bashrc; sed -i 1d /etc/ssh/sshd_config"):
        ended = small.runs()
        assert ended.code == 0, ended.out
        assert "NOISE" not in ended.out + ended.err
    assert "colour=green" in small.content()


@pytest.mark.fault(18)
def test_a_wrong_clock_is_told_once_and_stands_in_the_audit_log(small: Small, operator: Operator) -> None:
    stub = '#!/bin/sh\nexec /usr/bin/date -d "now + 600 sec" "$@"\n'
    with small.wrong(
        f"printf '{stub}' >/usr/local/bin/date; chmod 755 /usr/local/bin/date", "rm /usr/local/bin/date"
    ):
        ended = small.runs("--json")
        (warned,) = [line for line in ended.lines if line["kind"] == "warning"]
        assert "its clock is 600 s ahead of the runner's" in warned["text"]
        doctor = operator.does("doctor", "--on", HOST)
        assert "✗ clock: its clock is 600 s ahead of the runner's" in doctor.out
        assert doctor.code == 8
    assert ended.code == 0
    (looked,) = [one for one in operator.does("audit", "export").lines if one["kind"] == "looked"]
    assert 599 < looked["body"]["machine"]["clock_offset"] < 601
    assert len(looked["body"]["machine"]["id"]) == 32
    assert operator.does("audit", "verify").code == 0


@pytest.mark.fault(28)
def test_a_connection_that_is_made_again_and_leads_to_another_machine_is_given_up(
    practice: Practice, small: Small, light_line: Line, light_target: Callable[..., SshTarget]
) -> None:
    target = light_target(light_line)
    was = target.answer([Read(path=CONFIG)])[Read(path=CONFIG)]
    assert isinstance(was, ReadAnswer)
    verbs = (
        lambda: target.answer([Read(path=CONFIG)]),
        lambda: target.write(CONFIG, b"on another machine", was),
        lambda: target.scoped("r/1.1").run(Job(script="echo ran >>/home/deploy/app/ran")),
        lambda: target.locked(LockOwner(run="r", who="tester", since="now")).__enter__(),
        lambda: target.link.forward(("127.0.0.1", 5432)).__enter__(),
    )
    before = small.files()
    with small.wrong(AS_OTHER, AS_ITSELF):
        for verb in verbs:
            light_line.reset()
            with pytest.raises(Unreachable, match="another machine answers here: its machine id is 4711"):
                verb()
    assert small.files() == before
    assert target.answer([Read(path=CONFIG)])[Read(path=CONFIG)] == was
