"""The link, over the practice ground's sshd: every refusal is one line, and death is noticed."""

import contextlib
import getpass
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from remediate.errors import Failed, Unreachable
from remediate.questions import Read, Run
from remediate.target import Job
from remediate.transport.jobs import Patience
from remediate.transport.wire import Broken
from tests.relay import Line

from .test_jobs import until

pytestmark = pytest.mark.ground
HELLO = Run(script="echo hello")


def refusal(target):
    with pytest.raises(Unreachable) as caught:
        target.answer([HELLO])
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def line(ground):
    settings = ground.settings()
    made = Line((settings.address, settings.port))
    yield made
    made.close()


@pytest.fixture
def through_line(ground, line, tmp_path):
    """Settings that lead through the line, with the host's key recorded under it."""
    key = ground.known_hosts.read_text().splitlines()[0].split(" ", 1)[1]
    file = tmp_path / "known_hosts"
    file.write_text(f"[127.0.0.1]:{line.port} {key}\n")
    return ground.settings(address="127.0.0.1", port=line.port, known_hosts=file)


def test_many_questions_cost_one_trip(target):
    answers = target.answer(
        [HELLO, Read(path="/etc/hostname"), *[Run(script="echo $1", args=(str(n),)) for n in range(40)]]
    )
    assert answers[Read(path="/etc/hostname")].text == "light1\n"
    assert (target.trips.shell, target.trips.looking) == (1, 1)


def test_looking_leaves_the_host_as_it_was(ground, make_target):
    def tree():
        look = r"find /home /srv /tmp /etc -printf '%p %m %u %s %T@\n' 2>/dev/null; true"
        return ground.on("light1", "sh", "-c", look)

    before = tree()
    make_target().answer([HELLO, Read(path="/etc/passwd"), Run(script="sleep 0.1 & exit 3")])
    assert tree() == before


def test_output_of_a_login_file_is_not_an_answer(ground, make_target):
    ground.on("light1", "sh", "-c", "echo 'echo NOISE; echo NOISE >&2' >/home/deploy/.bashrc")
    try:
        target = make_target()
        assert target.answer([HELLO])[HELLO].stdout == b"hello\n"
        assert target.scoped("noise").run(Job(script="echo job")).stdout == b"job\n"
        target.forget("noise")
    finally:
        ground.on("light1", "rm", "/home/deploy/.bashrc")


def test_weak_algorithms_are_not_offered(ground, make_target):
    target = make_target()
    target.open()
    transport = target.link._transport
    offered = (
        transport.preferred_ciphers,
        transport.preferred_macs,
        transport.preferred_kex,
        transport.preferred_keys,
    )
    weak = re.compile("cbc|md5|sha1|^ssh-rsa|^ssh-dss")
    assert [name for names in offered for name in names if weak.search(name)] == []
    assert all(offered)


# --- refusals


def test_a_name_that_does_not_resolve(ground, make_target):
    said = refusal(make_target(ground.settings(address="no-such-host.invalid")))
    assert said.startswith("light1: the name no-such-host.invalid does not resolve; check")


def test_a_port_that_refuses(ground, make_target):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    said = refusal(make_target(ground.settings(address="127.0.0.1", port=port)))
    assert said.startswith(f"light1: 127.0.0.1:{port} refuses connections; check that sshd runs")


def test_a_host_that_is_silent(ground, make_target):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        said = refusal(make_target(ground.settings(address="127.0.0.1", port=port, connect_timeout=0.3)))
    assert said.startswith(
        f"light1: 127.0.0.1:{port} accepts connections but says nothing within 0.3 s; check"
    )


def test_something_that_is_no_sshd(ground, make_target):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            near, _ = server.accept()
            near.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            near.close()

        thread = threading.Thread(target=answer)
        thread.start()
        port = server.getsockname()[1]
        said = refusal(make_target(ground.settings(address="127.0.0.1", port=port)))
        thread.join()
    assert said.startswith(f"light1: 127.0.0.1:{port} does not speak SSH as we do")


def test_a_host_key_that_is_not_on_record(ground, make_target, tmp_path):
    (tmp_path / "known_hosts").write_text("")
    said = refusal(make_target(ground.settings(known_hosts=tmp_path / "known_hosts")))
    settings = ground.settings()
    scan = ["ssh-keyscan", "-p", str(settings.port), "-t", "ed25519", settings.address]
    record = subprocess.run(scan, capture_output=True, text=True, check=True).stdout
    (tmp_path / "scan").write_text(record)
    shown = subprocess.run(
        ["ssh-keygen", "-lf", tmp_path / "scan"], capture_output=True, text=True, check=True
    ).stdout
    assert f"its host key {shown.split()[1]} is not in {tmp_path / 'known_hosts'}" in said
    assert (
        f"ssh-keyscan -p {settings.port} {settings.address} -t ed25519 >> {tmp_path / 'known_hosts'}" in said
    )


@pytest.mark.fault(28)
def test_a_host_key_that_changed(ground, make_target, tmp_path):
    first, second = ground.known_hosts.read_text().splitlines()
    file = tmp_path / "known_hosts"
    file.write_text(f"{first.split()[0]} {second.split(' ', 1)[1]}\n")
    said = refusal(make_target(ground.settings(known_hosts=file)))
    assert "its host key has changed" in said
    assert said.count("SHA256:") == 2


def test_a_revoked_host_key(ground, make_target, tmp_path):
    first = ground.known_hosts.read_text().splitlines()[0]
    file = tmp_path / "known_hosts"
    file.write_text(
        f"{first}\n@revoked * {first.split(' ', 1)[1]}\n@cert-authority * {first.split(' ', 1)[1]}\n"
    )
    assert "is revoked in" in refusal(make_target(ground.settings(known_hosts=file)))


def test_a_wrong_user_and_a_wrong_key(ground, make_target, tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True)
    said = refusal(make_target(ground.settings(user="nobody")))
    assert said.startswith(f"light1: login refused for nobody (tried {ground.identity}")
    said = refusal(make_target(ground.settings(identity=tmp_path / "other")))
    assert said.startswith(f"light1: login refused for deploy (tried {tmp_path / 'other'}")


def test_a_key_file_that_is_not_there(ground, make_target, tmp_path):
    said = refusal(make_target(ground.settings(identity=tmp_path / "none")))
    assert said.startswith(
        f"light1: the key {tmp_path / 'none'} cannot be read (No such file or directory); check"
    )


def test_no_right_to_become_another_user(ground, make_target):
    said = refusal(make_target(ground.settings(become="nobody")))
    assert "no shell there:" in said
    assert "sudo -n -H -u nobody -- sh" in said


def test_a_host_that_opens_no_further_session(ground, make_target):
    target = make_target()
    target.open()
    channels = [target.link._transport.open_session() for _ in range(10)]
    assert "sshd opens no further session on this connection" in refusal(target)
    for channel in channels:
        channel.close()
    assert target.answer([HELLO])[HELLO].text == "hello\n"


# --- ways


@pytest.fixture
def jump(tmp_path):
    """An sshd of this machine, which can reach every host of the ground; its place, key and record."""
    folder = tmp_path / "jump"
    folder.mkdir(mode=0o700)
    sshd = shutil.which("sshd", path="/usr/sbin:/usr/bin")
    if sshd is None:
        pytest.skip("sshd is not installed")
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/user.pub\n"
        f"StrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\n"
    )
    separation = Path("/run/sshd")  # sshd as root wants it
    made = os.geteuid() == 0 and not separation.exists()
    if made:
        separation.mkdir()
    process = subprocess.Popen([sshd, "-D", "-e", "-f", folder / "config"], stderr=subprocess.DEVNULL)
    record = f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}"
    while True:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            break
        time.sleep(0.02)
    yield f"{getpass.getuser()}@127.0.0.1:{port}", folder / "user", record
    process.terminate()
    process.wait(5)
    if made:
        separation.rmdir()


def test_through_a_jump_host_with_its_own_key_checked(ground, make_target, jump, tmp_path):
    place, key, record = jump
    both, key_of_host = tmp_path / "both", ground.known_hosts.read_text()
    both.write_text(record + key_of_host)
    user, _, address = place.partition("@")
    name, _, port = address.partition(":")
    way = ground.settings(
        name="jump", address=name, port=int(port), user=user, identity=key, known_hosts=both
    )
    ask = Run(script="hostname")
    for given in (way, way.model_copy(update={"name": "again"})):
        assert make_target(ground.settings(2, jump=given)).answer([ask])[ask].text == "light2\n"
    unknown = way.model_copy(update={"known_hosts": ground.known_hosts})
    said = refusal(make_target(ground.settings(2, jump=unknown)))
    assert said.startswith("light2, jump host 127.0.0.1: its host key SHA256:")
    nowhere = ground.settings(2, jump=way, address="127.0.0.1", port=9)
    assert refusal(make_target(nowhere)).startswith(
        "light2: 127.0.0.1 does not lead on to 127.0.0.1:9; check"
    )


def test_through_a_jump_host_that_the_ssh_config_names(ground, make_target, jump, tmp_path):
    place, key, record = jump
    user, _, address = place.partition("@")
    name, _, port = address.partition(":")
    both, config = tmp_path / "both", tmp_path / "config"
    both.write_text(record + ground.known_hosts.read_text())
    host = ground.settings(2)
    config.write_text(
        f"Host bastion\n  HostName {name}\n  Port {port}\n  User {user}\n  IdentityFile {key}\n"
        f"Host web\n  HostName {host.address}\n  Port {host.port}\n  ProxyJump bastion\n"
    )
    ask = Run(script="hostname")
    named = ground.settings(2, address="web", port=22, config=config, known_hosts=both, identity=None)
    own = ground.settings(2, jump="bastion", config=config, known_hosts=both, identity=None)
    config.write_text(config.read_text() + f"Host *\n  IdentityFile {ground.identity}\n")
    for settings in (named, own):
        assert make_target(settings).answer([ask])[ask].text == "light2\n"


def test_the_ssh_config_is_followed_where_it_is_asked_for(ground, make_target, tmp_path):
    settings = ground.settings()
    config = tmp_path / "config"
    config.write_text(
        f"Host nice\n  HostName {settings.address}\n  Port {settings.port}\n"
        f"  User deploy\n  IdentityFile {ground.identity}\n"
    )
    bare = {"address": "nice", "port": 22, "user": None, "identity": None}
    target = make_target(ground.settings(config=config, **bare))
    assert target.answer([HELLO])[HELLO].text == "hello\n"
    assert "the name nice does not resolve" in refusal(make_target(ground.settings(**bare)))


def test_eight_threads_that_come_at_once_open_one_connection(line, through_line, make_target):
    target = make_target(through_line)
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(target.answer([HELLO])[HELLO].text)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == ["hello\n"] * 8
    assert line.connections == 1


def test_nothing_of_a_closed_target_is_left(make_target):
    threads, files = set(threading.enumerate()), len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - only their number
    for _ in range(3):
        target = make_target()
        target.answer([HELLO])
        target.close()
    until(lambda: set(threading.enumerate()) <= threads)
    assert len(os.listdir("/proc/self/fd")) <= files  # noqa: PTH208
    with pytest.raises(Unreachable, match="was closed by us"):
        target.answer([HELLO])


# --- death


def test_a_shell_that_is_killed_is_replaced(target):
    killer = Run(script="kill -9 $(ps -o ppid= $PPID); sleep 0.2")
    answers = target.answer([killer, HELLO])
    assert "ended the shell that was asked" in answers.raw(killer).reason
    assert answers[HELLO].text == "hello\n"


def test_a_broken_link_is_opened_again_for_looking(line, through_line, make_target):
    target = make_target(through_line)
    target.answer([HELLO])
    line.reset()
    assert target.answer([HELLO])[HELLO].text == "hello\n"


@pytest.mark.fault(3)
def test_a_silent_link_is_noticed_within_15_seconds(line, through_line, make_target):
    target = make_target(through_line)
    target.answer([HELLO])
    silence = threading.Timer(0.5, line.silence)  # it goes on acknowledging, as a jump host would
    silence.start()
    began = time.monotonic()
    with pytest.raises(Broken):
        target.files._caller.call("sleep 60", seconds=60.0)
    assert time.monotonic() - began < 15
    silence.join()
    line.speak()
    assert target.answer([HELLO])[HELLO].text == "hello\n"


@pytest.mark.fault(3)
def test_a_job_is_followed_over_a_new_link(line, through_line, make_target):
    lines = []
    target = make_target(through_line, on_output=lines.append)
    job = Job(script="for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.2; done; exit 6")

    def cut():
        while "3" not in lines:
            time.sleep(0.02)
        line.reset()

    thread = threading.Thread(target=cut)
    thread.start()
    answer = target.scoped("cut").run(job)
    thread.join()
    assert (answer.exit_code, answer.text.split()) == (6, list("12345678"))
    assert line.connections == 2
    target.forget("cut")


def test_a_forward_reaches_a_server_behind_the_host(ground, make_target):
    target = make_target()
    target.open()
    with target.link.forward(("127.0.0.1", 9)) as door:
        assert Path(door.directory).stat().st_mode & 0o777 == 0o700
        with socket.socket(socket.AF_UNIX) as near:
            near.settimeout(5)
            near.connect(f"{door.directory}/.s.PGSQL.5432")
            assert near.recv(10) == b""
        assert "nothing listens at 127.0.0.1:9 there" in str(door.refusal)
    assert not Path(door.directory).exists()


ECHO = r"""
const net = require('net');
const at = process.argv[1];
net.createServer(s => s.pipe(s)).listen(/^\d/.test(at) ? Number(at) : at, /^\d/.test(at) ? '127.0.0.1' : undefined);
setTimeout(() => process.exit(), 20000);
"""


@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize("at", ["45673", "/home/deploy/echo.sock"])
def test_megabytes_go_both_ways_through_a_forward(make_target, at, tcp):
    target = make_target()
    begin = """
      setsid node -e "$1" "$2" >/dev/null 2>&1 &
      echo $!
      until [ -S "$2" ] || grep -q ' 0100007F:B269 00000000:0000 0A' /proc/net/tcp; do sleep 0.05; done"""
    pid = target.scoped(f"echo{at}{tcp}").run(Job(script=begin, args=(ECHO, at), timeout=10)).text.strip()
    data = os.urandom(3_000_000)
    try:
        with target.link.forward(("127.0.0.1", int(at)) if at.isdigit() else at, tcp=tcp) as door:
            family, place = (
                (socket.AF_INET, ("127.0.0.1", door.port))
                if tcp
                else (
                    socket.AF_UNIX,
                    f"{door.directory}/.s.PGSQL.5432",
                )
            )
            with socket.socket(family) as near:
                near.settimeout(20)
                near.connect(place)
                sender = threading.Thread(target=near.sendall, args=(data,))
                sender.start()
                got = b""
                while len(got) < len(data):
                    piece = near.recv(65536)
                    assert piece
                    got += piece
                sender.join()
        assert got == data
    finally:
        target.scoped(f"end{at}{tcp}").run(
            Job(script='kill -9 "$1"; rm -f -- "$2"', args=(pid, f"{at}x" if at.isdigit() else at))
        )
        target.forget("")


@pytest.mark.fault(3)
def test_a_lost_host_is_lost_not_failed(line, through_line, make_target):
    target = make_target(through_line, patience=Patience(grace=1, reconnect=0.5, answer=2.0))

    def cut():
        time.sleep(0.7)
        line.refusing = True
        line.reset()

    thread = threading.Thread(target=cut)
    thread.start()
    with pytest.raises(Exception, match="the link is gone") as caught:
        target.scoped("gone").run(Job(script="sleep 3; echo done", doing="npm run build"))
    thread.join()
    assert type(caught.value).__name__ == "Lost"
    line.refusing = False
    assert make_target(through_line).scoped("gone").run(Job(script="never")).text == "done\n"


def test_a_scope_stops_its_own_jobs_and_a_host_without_a_token_none(target):
    target.scoped("run/1.1").stop()
    with pytest.raises(Failed, match="called off"):
        target.scoped("run/1.1").run(Job(script="echo run"))
    assert target.scoped("run/1.1/undo0").run(Job(script="echo back")).text == "back\n"
    with pytest.raises(Failed, match="has no token"):
        target.stop()
