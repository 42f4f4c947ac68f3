"""Plays a soak on the practice ground: the service runs, faults come, and each is waited for to its end."""

import os
import queue
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from remediate.journal import Journal
from remediate.masking import Masker
from tests.escalation.services import Hook, hook
from tests.practice import BACKEND, LUMIKU, REPOSITORY, Practice
from tests.soak.course import BREAKER, CURED, ESCALATED, EVERYTHING, HEALED, IN_VAIN, PROPOSED, Fate, Scene
from tests.soak.record import Record
from tests.soak.storm import Storm, payload, send

PATIENCE = 240.0
"""Seconds for one scene."""
TOLD = 100
"""So often each alert is sent, as fast as it is taken: all of them are one incident."""
CRASH_IN_SOURCE = f"""
cd {BACKEND}
printf '\\n%s\\n' "setTimeout(() => {{ throw new Error('worker pool: out of slots') }}, 300)" >>src/index.ts
npm run build >/dev/null && pm2 restart {LUMIKU.name} >/dev/null
"""
"""No build cures it: somebody has to mend the source."""
MOST_MEMORY = 200
"""MB that the service may come to, in any storm."""
POLICY = "policy: {confirm: yes, auto: {allowed: true, per_hour: 1000, cooldown: 1s, hosts_at_once: 1}}"
WATCH = """
watch:
  every: 15s
  jitter: 1s
  rules: {health: {for: 0s}, errors: null, slow: null, database: null, disk: null, cpu: null}
  listener: {bearer: {file: soak.bearer}}
  alerts: {HighErrorRate: {}, SlowResponses: {}}
contacts:
  - {level: 1, name: Team Lead, notify: [{file: soak.pager}]}
  - {level: 2, name: Database Administrator, notify: [{file: soak.pager}]}
  - {level: 3, name: Technical Director, notify: [{file: soak.pager}]}
"""
HEALED_IN = re.compile(r"fault healed: (?P<playbook>[\w-]+) on .* in (?P<seconds>[\d.]+) s:")


@dataclass
class Score:
    """What became of all faults.

    Attributes:
        became: How many ended how.
        wrong: Those that did not end as they must, in words, and whatever else was not as it must be.
        exceeded: Brakes that did not hold, in words.
        seconds: By fault, how long each healing took, from its first look until it was verified.
        answers: What the listener answered.
        a_minute: How many requests of the storm there were a minute.
        memory: The most that the service took, in MB.
    """

    became: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    exceeded: list[str] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    answers: Counter[int] = field(default_factory=Counter)
    a_minute: float = 0.0
    memory: int = 0

    def __str__(self) -> str:
        many = sum(self.became[one] for one in (HEALED, PROPOSED, ESCALATED)) + len(self.wrong)
        parts = ", ".join(f"{one} {self.became[one]}" for one in (HEALED, PROPOSED, ESCALATED))
        return f"soak: {many} faults, {parts}, wrong {len(self.wrong)}, brakes exceeded {len(self.exceeded)}"


@dataclass
class Soaking:
    """The service on the practice ground.

    Attributes:
        practice: The ground.
        state: The state directory of the service.
        port: Where it listens.
        token: What senders bear.
        pager: Where people are called.
        score: What has become of faults so far.
        story: What the service has said.
    """

    practice: Practice
    state: Path
    port: int
    token: str
    pager: Hook
    score: Score = field(default_factory=Score)
    story: list[str] = field(default_factory=list)
    _said: "queue.SimpleQueue[str]" = field(default_factory=queue.SimpleQueue)
    _process: subprocess.Popen[str] | None = None
    _mark: int = 0

    def start(self) -> None:
        self._process = self._remediate("watch", "--listen", f"127.0.0.1:{self.port}")
        threading.Thread(target=self._read, args=(self._process,)).start()
        self.until(r"alerts are taken at", 60)

    def _remediate(self, *words: str) -> "subprocess.Popen[str]":
        line = [sys.executable, "-m", "remediate", *words, "-i", str(self.inventory)]
        return subprocess.Popen(
            [*line, "--state", str(self.state)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "NO_COLOR": "1"},
        )

    @property
    def inventory(self) -> Path:
        return self.practice.inventory.with_name("soak.yml")

    @property
    def record(self) -> Record:
        """What the audit log says by now."""
        return Record(self.state)

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout
        with process.stdout as stdout:
            for line in stdout:
                self._said.put(line.rstrip("\n"))

    def until(self, pattern: str, patience: float = PATIENCE) -> str:
        """Read on until a line says this, and return the line."""
        deadline = time.monotonic() + patience
        while True:
            try:
                line = self._said.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"it never said {pattern!r}:\n" + "\n".join(self.story[-60:])) from None
            self.story.append(line)
            if re.search(pattern, line):
                return line

    def kill(self, what: str) -> None:
        """Kill the service as the kernel would, in the middle of whatever it does.

        Args:
            what: `EVERYTHING` for what it has started, too, as systemd does; that is else left to itself.
        """
        assert self._process
        self._measure()
        errands = _children(self._process.pid) if what == EVERYTHING else ()
        self._process.kill()
        for one in errands:
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        self._process.wait()
        self.story.append(f"({what} killed)")

    def end(self) -> None:
        if self._process and self._process.poll() is None:
            self._measure()
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(120)

    def _measure(self) -> None:
        assert self._process
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        peak = re.search(r"VmHWM:\s*(\d+) kB", status)
        assert peak
        self.score.memory = max(self.score.memory, int(peak[1]) // 1024)

    def play(self, scene: Scene) -> None:
        """Break hosts, see what becomes of them, and judge that."""
        time.sleep(scene.pause)
        self._drain()
        story, self._mark = len(self.story), self.record.last
        for host, fault in scene.faults:
            self._break(host, fault)
        if scene.told_by_alert:
            self.alert("firing", scene.hosts)
        with self._pipelines(scene):
            if scene.killed:
                self.until(r"heal: begins")
                self.until(r"change-started|fault ", 120)
                self.kill(scene.killed)
                self.start()
            self._wait_for(lambda: not any(self._wrong(scene).values()), fatal=False)
        self._judge(scene)
        self._tidy(scene, story)
        self._drain()
        self._count_seconds(scene, self.story[story:])

    def _break(self, host: str, fault: str) -> None:
        if fault in IN_VAIN:
            self.practice.shell(host, CRASH_IN_SOURCE)
        else:
            self.practice.break_(fault, host)

    @contextmanager
    def _pipelines(self, scene: Scene) -> Iterator[None]:
        """Have deploy pipelines heal the same hosts meanwhile, as many as the scene says."""
        thread = threading.Thread(target=self._deploy, args=(scene,), name="pipelines")
        thread.start()
        try:
            yield
        finally:
            thread.join()

    def _deploy(self, scene: Scene) -> None:
        for _ in range(scene.pipelines):
            self._beside(scene, "heal", "--on", ",".join(scene.hosts), "--reason", "deploy 4711")

    def _beside(self, scene: Scene, *words: str) -> None:
        """Run a command of somebody else's beside the service."""
        process = self._remediate(*words)
        said, _ = process.communicate(timeout=2 * PATIENCE)
        self.story += [f"({words[0]}) {line}" for line in said.splitlines()]
        if process.returncode not in {0, 1, 8}:
            self.score.wrong.append(f"{words[0]} ended with {process.returncode} ({scene})")

    def alert(self, name: str, hosts: Sequence[str]) -> None:
        """Send what an Alertmanager sends about hosts."""
        for host in hosts:
            body = payload(name, self.practice.address(host))
            for _ in range(TOLD):
                self._send(body)

    def _send(self, body: bytes) -> None:
        deadline = time.monotonic() + 30
        while send(self.port, body, {"Authorization": f"Bearer {self.token}"}) != 202:
            assert time.monotonic() < deadline, "an alert was not taken"
            time.sleep(0.2)

    def _drain(self) -> None:
        with suppress(queue.Empty):
            while True:
                self.story.append(self._said.get_nowait())

    def _wrong(self, scene: Scene) -> dict[tuple[str, Fate], str]:
        """Return what is not, or not yet, as it must be with each fault; the audit log knows it, after a kill, too."""
        record = self.record
        return {(host, fate): record.wrong(self._mark, host, fate) for host, fate in scene.expected}

    def _judge(self, scene: Scene) -> None:
        for (host, fate), wrong in self._wrong(scene).items():
            if wrong:
                self.score.wrong.append(f"{fate.playbook} on {host}: {wrong} ({scene})")
            else:
                self.score.became[fate.became] += 1
        self.score.exceeded += self.record.opened_twice(self._mark)

    def _count_seconds(self, scene: Scene, said: Sequence[str]) -> None:
        """Read from the service's story how long each healing took, but for those whose end it did not live to see."""
        faults = {CURED[fault]: fault for _, fault in scene.faults if fault in CURED}
        for met in filter(None, map(HEALED_IN.search, said)):
            if met["playbook"] in faults:
                self.score.seconds.setdefault(faults[met["playbook"]], []).append(float(met["seconds"]))

    def _tidy(self, scene: Scene, story: int) -> None:
        """Do what a person would: what is left is put right, alerts are taken back, and the service agrees.

        No host is put back under the service's hands: it would find that away, and call somebody for it.
        """
        self._wait_for(lambda: all(self._was_seen_to(host, story) for host, _ in scene.left))
        for host in dict.fromkeys(host for host, _ in scene.left):
            self.practice.reset(host)
        for host, fate in scene.left:
            if fate.because == BREAKER:
                self._beside(
                    scene, "breaker", "reset", host, fate.playbook, "--reason", "the source is mended"
                )
        self.alert("resolved", scene.hosts)
        self._wait_for(lambda: not self.record.open_concerns and not self.record.open_incidents)

    def _was_seen_to(self, host: str, story: int) -> bool:
        """Tell whether the service has ended an errand at a host since a line of its story, and has none in hand."""
        assert self._process
        ended = (line for line in self.story[story:] if "heal: ended with" in line)
        return any(host in line for line in ended) and not _children(self._process.pid)

    def _wait_for(self, so: Callable[[], bool], *, fatal: bool = True) -> None:
        deadline = time.monotonic() + PATIENCE
        while not so():
            self._drain()
            if time.monotonic() > deadline:
                assert not fatal, "it did not come to that:\n" + "\n".join(self.story[-60:])
                return
            time.sleep(0.3)

    def judge_all(self) -> None:
        """See in the audit log whether every brake held, over all kills."""
        record = self.record
        self.score.exceeded += record.exceeded(hosts_at_once=1)
        self.score.wrong += record.called_twice()
        if self.score.memory > MOST_MEMORY:
            self.score.exceeded.append(f"the service took {self.score.memory} MB")
        with Journal.open(self.state, Masker()) as journal:
            if not (verdict := journal.verify()).whole:
                self.score.exceeded.append(f"the audit log is not whole: {verdict.why}")


def _children(parent: int) -> tuple[int, ...]:
    """Return the processes that a process has started, and that are there still."""
    texts = (file.read_text() for file in Path(f"/proc/{parent}/task").glob("*/children"))
    return tuple(int(word) for text in texts for word in text.split())


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def soaking(practice: Practice, folder: Path) -> Iterator[Soaking]:
    """Return the service, running on the practice ground; put everything away at the end."""
    token = secrets.token_hex(32)
    beside = practice.inventory.parent
    text = re.sub(r"^policy: .*$", POLICY, practice.inventory.read_text(), flags=re.MULTILINE)
    with hook() as pager:
        files = {"soak.yml": text + WATCH, "soak.bearer": token, "soak.pager": pager.url}
        for name, content in files.items():
            (beside / name).write_text(content)
        one = Soaking(practice, folder / "state", free_port(), token, pager)
        try:
            one.start()
            yield one
        finally:
            one.end()
            for name in files:
                (beside / name).unlink()


def soak(practice: Practice, folder: Path, played: Sequence[Scene]) -> Soaking:
    """Play all scenes, with everybody else sending meanwhile; return the service as it ended."""
    with soaking(practice, folder) as one:
        with Storm(one.port, one.token, one.score.answers) as storm:
            for scene in played:
                one.play(scene)
        one.score.a_minute = storm.a_minute
    one.judge_all()
    return one
