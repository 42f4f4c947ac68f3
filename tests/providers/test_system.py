"""The host's own checks, over this machine's real programs, and over recordings of what this machine has not got."""

import os
import socket
from pathlib import Path

import pytest
from pydantic import ValidationError

from remediate.errors import CouldNotLook
from remediate.model import Finding
from remediate.providers.system import SystemCpu, SystemDisk, SystemMemory
from remediate.providers.system_serving import SystemClock, SystemPort, SystemService
from remediate.questions import Answers, Offset, RunAnswer
from remediate.steps import Check
from tests.laws.command import CommandTarget

GIB = 2**30


def looked(check: Check) -> Finding:
    answers = CommandTarget().answer(check.ask())
    return check.judge(answers, answers)


def recorded(check: Check, text: str, exit_code: int = 0, clock: Offset | None = None) -> Answers:
    (question,) = check.ask()
    return Answers({question: RunAnswer(exit_code=exit_code, stdout=text.encode())}, "web1", clock)


def judged(check: Check, text: str, **more) -> Finding:
    answers = recorded(check, text, **more)
    return check.judge(answers, answers)


def test_a_disk_with_room_is_well_and_nothing_is_searched(small_disk: Path) -> None:
    (small_disk / "dist.old").write_bytes(b"x" * 1000)
    check = SystemDisk(path=str(small_disk), free_megabytes=1, largest=[str(small_disk)])
    seen = looked(check)
    assert seen.healthy
    assert seen.facts["mount"] == str(small_disk)
    assert seen.facts["percent"] > 90
    assert seen.facts["large"] == []


def test_a_full_disk_is_told_with_what_could_go_the_largest_first(small_disk: Path) -> None:
    (small_disk / "node_modules/.cache/babel").mkdir(parents=True)
    (small_disk / "node_modules/.cache/babel/a file\nof two lines").write_bytes(b"x" * 700_000)
    (small_disk / ".dist.remediate-0123").mkdir()
    (small_disk / ".dist.remediate-0123/index.js").write_bytes(b"x" * 300_000)
    (small_disk / "out.log").write_bytes(b"x" * 2_000_000)
    (small_disk / "out.log.1").symlink_to("/etc/passwd")
    check = SystemDisk(path=str(small_disk / "not/there/yet"), free_megabytes=2, largest=[str(small_disk)])
    seen = looked(check)
    assert not seen.healthy
    assert "too little room" in seen.seen
    kinds = [(Path(one["path"]).name, one["kind"]) for one in seen.facts["large"]]
    assert kinds == [
        ("out.log", "a log"),
        (".cache", "a cache"),
        (".dist.remediate-0123", "kept for a rollback"),
    ]
    assert seen.evidence[0].startswith("2.0 MB  ")


def test_a_disk_without_inodes_is_full_however_many_bytes_are_free() -> None:
    check = SystemDisk(path="/srv")
    seen = judged(check, "900 1000 1048576 4 100\0/srv\0")
    assert (seen.healthy, "too little inodes" in seen.seen) == (False, True)
    assert judged(check, "900 1000 1048576 0 0\0/srv\0").healthy, (
        "a file system may have no fixed number of them"
    )


def test_home_is_the_hosts_and_not_the_runners(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    mount = looked(SystemDisk(path="~/logs", free_megabytes=0, free_percent=0)).facts["mount"]
    assert tmp_path.is_relative_to(mount)


MEMINFO = "MemTotal: {total} kB\nMemFree: 1 kB\nMemAvailable: {available} kB\nHugePages_Total: 0\n"


def memory(available: int, more: str = "oom_kill 0\nuptime 90000.00\nkernel open\n") -> str:
    return MEMINFO.format(total=1000, available=available) + more


def test_memory_is_what_a_new_program_could_have() -> None:
    assert judged(SystemMemory(free_percent=10), memory(100)).healthy
    assert not judged(SystemMemory(free_percent=10), memory(99)).healthy
    assert looked(SystemMemory(free_percent=0)).facts["available"] > 0


def test_a_process_that_the_kernel_ended_lately_is_named_and_one_of_yesterday_is_not() -> None:
    line = "[{at}.5] Out of memory: Killed process 77 (node /srv/a) total-vm:1kB, anon-rss:1kB\n"
    text = "oom_kill 1\nuptime 90000.00\nkernel open\n"
    late = judged(SystemMemory(), memory(900, text + line.format(at=89_000)))
    assert (late.healthy, "node /srv/a (pid 77)" in late.seen) == (False, True)
    old = judged(SystemMemory(), memory(900, text + line.format(at=80_000)))
    assert (old.healthy, "1 processes were ended" in old.seen) == (True, True)


def test_a_process_that_the_kernel_ends_while_it_is_watched_counts_though_its_log_is_closed() -> None:
    check = SystemMemory()
    first = recorded(check, memory(900, "oom_kill 3\nuptime 9.0\n"))
    now = recorded(check, memory(900, "oom_kill 4\nuptime 9.9\n"))
    alone = check.judge(first, first)
    assert (alone.healthy, "closed to us" in alone.seen) == (True, True)
    assert not check.judge(first, now).healthy


def cpu(idle: int, load: str, stolen: int = 0) -> str:
    busy = 100 - idle - stolen
    return (
        "before cpu  0 0 0 0 0 0 0 0 0 0\n"
        f"after cpu  {busy} 0 0 {idle} 0 0 0 {stolen} 0 0\n"
        f"load {load} 2/100 5\ncores 2\npressure some avg10=1.00 avg60=7.50 avg300=0.00 total=1\n"
    )


@pytest.mark.parametrize(
    ("text", "healthy"),
    [
        (cpu(idle=2, load="4.00 3.00 1.00"), False),
        (cpu(idle=2, load="4.00 1.00 1.00"), True),
        (cpu(idle=60, load="4.00 3.00 1.00"), True),
        (cpu(idle=60, load="0.00 0.00 0.00", stolen=30), False),
    ],
    ids=["busy for minutes", "busy for a moment", "waiting for disks", "kept for others"],
)
def test_processors_are_taken_when_they_are_so_now_and_for_minutes(text: str, healthy: bool) -> None:
    seen = judged(SystemCpu(), text)
    assert seen.healthy is healthy
    assert "8 % of the last minute" in seen.seen


def test_the_processors_of_this_machine_can_be_looked_at() -> None:
    seen = looked(SystemCpu())
    assert 0 <= seen.facts["busy"] <= 100
    assert seen.facts["cores"] == os.sysconf("SC_NPROCESSORS_ONLN")


def unit(name: str, state: str, pid: int = 0, alive: bool = False) -> str:
    active, sub = state.split()
    lines = [f"Id={name}", "LoadState=loaded", f"ActiveState={active}", f"SubState={sub}", f"MainPID={pid}"]
    return "\n".join([*lines, *["Alive=yes"] * alive]) + "\n\n"


WRAPPER, CLUSTER = "postgresql.service", "postgresql@15-main.service"


@pytest.mark.parametrize(
    ("text", "healthy", "said"),
    [
        (unit(WRAPPER, "active exited") + unit(CLUSTER, "active running", 7, alive=True), True, CLUSTER),
        (unit(WRAPPER, "active exited") + unit(CLUSTER, "failed failed"), False, f"{CLUSTER} is failed"),
        (unit(WRAPPER, "active exited") + unit(CLUSTER, "inactive dead"), False, "nothing of it runs"),
        (unit(WRAPPER, "active exited"), False, "nothing of it runs"),
        (unit("nginx.service", "active running", 7, alive=True), True, "pid 7"),
        (unit("nginx.service", "active running", 7), False, "nothing of it runs"),
        ("Id=x.service\nLoadState=not-found\nActiveState=inactive\nSubState=dead\n\n", False, "is not-found"),
    ],
)  # fmt: skip
def test_a_service_is_judged_by_its_processes_and_not_by_its_wrapper(text, healthy, said) -> None:
    seen = judged(SystemService(unit="postgresql"), text)
    assert (seen.healthy, said in seen.seen) == (healthy, True), seen.seen


@pytest.mark.skipif(Path("/run/systemd/system").is_dir(), reason="systemd runs here")
def test_without_systemd_nobody_can_say_whether_a_service_runs() -> None:
    with pytest.raises(CouldNotLook, match="no systemd runs there"):
        looked(SystemService(unit="postgresql"))


@pytest.mark.parametrize("name", ["-H root@elsewhere", "a b", "--version", ""])
def test_what_is_no_name_of_a_unit_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        SystemService(unit=name)


@pytest.mark.parametrize(
    ("family", "address", "everywhere"),
    [(socket.AF_INET, "127.0.0.1", False), (socket.AF_INET6, "::1", False), (socket.AF_INET6, "::", True)],
)
def test_who_listens_on_a_port_is_seen_with_its_process(family, address, everywhere) -> None:
    with socket.socket(family) as listening:
        listening.bind((address, 0))
        port = listening.getsockname()[1]
        assert not looked(SystemPort(port=port)).healthy, "bound is not listening"
        listening.listen()
        seen = looked(SystemPort(port=port))
        (one,) = seen.facts["listeners"]
        assert (seen.healthy, one["pid"], one["everywhere"]) == (True, os.getpid(), everywhere)
        assert looked(SystemPort(port=port, user=one["user"], process=one["name"])).healthy
        assert not looked(SystemPort(port=port, user="somebody-else")).healthy
        assert not looked(SystemPort(port=port, process="postgres")).healthy
        caller = socket.create_connection((address if not everywhere else "::1", port))
        answered, _ = listening.accept()
    with caller, answered:
        assert not looked(SystemPort(port=port)).healthy, "a connection that goes on is not listening"


def test_a_process_out_of_sight_is_known_by_its_user_and_not_guessed() -> None:
    text = "postgres 0100007F\n"
    assert judged(SystemPort(port=5432, user="postgres"), text).healthy
    with pytest.raises(CouldNotLook, match="out of sight"):
        judged(SystemPort(port=5432, process="postgres"), text)


def test_a_clock_is_off_when_that_is_no_error_of_measuring() -> None:
    def seen(off: float, error: float) -> Finding:
        return judged(SystemClock(), "1.5\nyes\n", clock=Offset(seconds=off, give_or_take=error))

    assert seen(4.9, 0.0).healthy
    assert seen(-5.5, 0.6).healthy
    late = seen(-5.5, 0.1)
    assert (late.healthy, "5.50 s behind" in late.seen, "± 0.10 s" in late.seen) == (False, True, True)
    with pytest.raises(CouldNotLook, match="clock is not known"):
        judged(SystemClock(), "1.5\nyes\n")


def test_the_offset_of_a_clock_stays_with_the_answers_it_came_with() -> None:
    offset = Offset(seconds=1, give_or_take=0)
    known, unknown = recorded(SystemClock(), "1\n", clock=offset), recorded(SystemClock(), "1\n")
    assert known.laid_over(unknown).clock == offset
    assert unknown.laid_over(known).clock == offset
    assert known.only(known).clock == offset
    assert known.after((), {}, "x").clock == offset
