"""A world in memory: files, processes and tables as plain data, scripts as functions. Knows no provider's script."""

import copy
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from remediate.errors import Conflict, Locked, Ousted
from remediate.model import Json
from remediate.owner import LockOwner
from remediate.questions import (
    Answer,
    Answers,
    Fetch,
    FetchAnswer,
    Query,
    QueryAnswer,
    Read,
    ReadAnswer,
    Run,
    RunAnswer,
    Unanswered,
)
from remediate.target import DatabaseChange, Job, Lock, Machine, OutsideTransaction, Witness


@dataclass
class File:
    """One file, or a link where `link_to` is set."""

    content: bytes = b""
    mode: int = 0o644
    owner: str = "deploy"
    group: str = "deploy"
    mtime_ns: int = 1_000
    changed_ns: int = 1_000
    link_to: str = ""


@dataclass
class State:
    """All there is. `tables` and `processes` have whatever shape a case gives them, JSON-able.

    Of a process, `status` is in the fingerprint and nothing else.
    """

    files: dict[str, File] = field(default_factory=dict)
    processes: dict[str, dict[str, Json]] = field(default_factory=dict)
    tables: dict[str, Json] = field(default_factory=dict)
    ledger: dict[str, dict[str, Json]] = field(default_factory=dict)
    now_ns: int = 10_000
    owner: LockOwner | None = None
    ousted: set[str] = field(default_factory=set)
    forgotten: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    witnesses: dict[str, Witness] = field(default_factory=dict)

    def tick(self) -> int:
        """Let time pass, and return it."""
        self.now_ns += 1_000
        return self.now_ns


Script: TypeAlias = Callable[[State, tuple[str, ...]], RunAnswer]


class MemoryWorld:
    """A world in memory.

    Args:
        state: How it begins.
        scripts: What a constant script does, each under its text.
        queries: What a statement that reads answers, under its text.
        statements: What a statement that changes does, under its text; it may raise `Failed`.
        fetches: What an HTTP request answers.
    """

    def __init__(
        self,
        state: State,
        scripts: dict[str, Script] | None = None,
        queries: dict[str, Callable[[State, Query], QueryAnswer]] | None = None,
        statements: dict[str, Callable[[State, tuple[Any, ...]], None]] | None = None,
        fetches: Callable[[State, Fetch], FetchAnswer] | None = None,
    ) -> None:
        self.beginning = copy.deepcopy(state)
        self.state = copy.deepcopy(state)
        self.scripts, self.queries, self.statements = scripts or {}, queries or {}, statements or {}
        self.fetches = fetches

    def target(self) -> "MemoryTarget":
        return MemoryTarget(self, "")

    def fingerprint(self) -> Json:
        state = self.state
        return copy.deepcopy(
            {
                "files": {
                    path: (one.content, one.mode, one.owner, one.group, one.mtime_ns, one.link_to)
                    for path, one in sorted(state.files.items())
                },
                "processes": {name: one.get("status") for name, one in sorted(state.processes.items())},
                "tables": state.tables,
            }
        )

    def reset(self) -> None:
        self.state = copy.deepcopy(self.beginning)


class MemoryTarget:
    """A target over a world in memory; `token` is its scope."""

    name = "memory"

    def __init__(self, world: MemoryWorld, token: str) -> None:
        self.world, self.token, self.count = world, token, 0

    @property
    def database(self) -> dict[str, Json]:
        return {}

    @property
    def login(self) -> dict[str, str]:
        return {"user": "deploy", "key": "SHA256:us", "host_key": "SHA256:them"}

    @property
    def machine(self) -> Machine:
        return Machine(id="6d" * 16)

    @property
    def state(self) -> State:
        return self.world.state

    def answer(self, questions: Iterable[Any]) -> Answers:
        return Answers(
            {question: self._answered(question) for question in dict.fromkeys(questions)}, self.name
        )

    def _answered(self, question: Any) -> Answer:
        match question:
            case Read():
                return self._read(question.path)
            case Run() if question.script in self.world.scripts:
                return self.world.scripts[question.script](self.state, question.args)
            case Query() if question.sql in self.world.queries:
                return self.world.queries[question.sql](self.state, question)
            case Fetch() if self.world.fetches:
                return self.world.fetches(self.state, question)
        return Unanswered(reason="this world in memory was not told what that question answers")

    def _read(self, path: str) -> ReadAnswer:
        one = self.state.files.get(path)
        if one is None:
            below = any(other.startswith(path.rstrip("/") + "/") for other in self.state.files)
            return ReadAnswer(exists=below, kind_of_file="directory" if below else "file")
        return ReadAnswer(
            exists=True,
            kind_of_file="link" if one.link_to else "file",
            content=one.content,
            mode=one.mode,
            owner=one.owner,
            group=one.group,
            mtime_ns=one.mtime_ns,
            link_to=one.link_to,
        )

    def scoped(self, token: str) -> "MemoryTarget":
        return MemoryTarget(self.world, token)

    def _numbered(self) -> str:
        if self.token.partition("/")[0] in self.state.ousted:
            raise Ousted(self.name, "the lock was taken away")
        self.count += 1
        return f"{self.token}/{self.count}"

    def run(self, job: Job) -> RunAnswer:
        self._numbered()
        return self.world.scripts[job.script](self.state, job.args)

    def write(self, path: str, content: bytes, expect: ReadAnswer, like: ReadAnswer | None = None) -> None:
        self._numbered()
        now = self._read(path)
        if (now.exists, now.kind_of_file, now.content) != (
            expect.exists,
            expect.kind_of_file,
            expect.content,
        ):
            raise Conflict(path, "is not as expected")
        model = like or (
            expect if expect.exists else ReadAnswer(exists=True, mode=0o644, owner="deploy", group="deploy")
        )
        time = self.state.tick()
        self.state.files[path] = File(
            content, model.mode, model.owner, model.group, like.mtime_ns if like else time, time
        )  # fmt: skip

    def delete(self, path: str, expect: ReadAnswer) -> None:
        self._numbered()
        now = self._read(path)
        if now.exists and now.content != expect.content:
            raise Conflict(path, "is not as expected")
        self.state.files.pop(path, None)

    def change_database(self, change: DatabaseChange | OutsideTransaction) -> bool:
        token = self._numbered()
        if token in self.state.ledger:
            return False
        if isinstance(change, OutsideTransaction):
            return self._outside(token, change)
        tables = copy.deepcopy(self.state.tables)
        try:
            for statement in change.statements:
                self.world.statements[statement.sql](self.state, statement.parameters)
        except Exception:
            self.state.tables = tables
            raise
        self.state.ledger[token] = change.undo
        return True

    def _outside(self, token: str, change: OutsideTransaction) -> bool:
        """Run the one statement; one that fails leaves what it had done, until it is cleaned up."""
        try:
            self.world.statements[change.statement.sql](self.state, change.statement.parameters)
        except Exception:
            if change.clean_up and not self._answered(change.came_about).rows[0][0]:
                self.world.statements[change.clean_up.sql](self.state, change.clean_up.parameters)
            raise
        self.state.ledger[token] = change.undo
        return True

    @contextmanager
    def schema_copy(self, token: str) -> Iterator["MemoryTarget"]:
        """Make a world of the same tables; how many of them have rows is no matter here."""
        assert token
        world = copy.copy(self.world)
        world.state = copy.deepcopy(self.world.state)
        yield MemoryTarget(world, "")

    def ledger(self) -> dict[str, Json] | None:
        return self.state.ledger.get(f"{self.token}/{self.count}")

    def stop(self) -> None:
        self.state.stopped.append(self.token)

    def forget(self, token_prefix: str) -> None:
        self.state.forgotten.append(token_prefix)

    def witnesses(self) -> tuple[Witness, ...]:
        return tuple(self.state.witnesses.values())

    def keep_witness(self, witness: Witness) -> Witness:
        kept = self.state.witnesses.get(witness.log)
        if kept is None or kept.seq < witness.seq:
            self.state.witnesses[witness.log] = witness
        return self.state.witnesses[witness.log]

    @contextmanager
    def locked(self, owner: LockOwner) -> Iterator[None]:
        """Hold the lock; a runner that is killed (any other BaseException) leaves it behind."""
        held = self.state.owner
        if held is not None and held.run != owner.run:
            raise Locked(self.name, f"locked by {held.who}", owner=held)
        self.state.owner = owner
        self.state.ousted.discard(owner.run)
        try:
            yield
        except (Exception, KeyboardInterrupt):
            self._left(owner)
            raise
        self._left(owner)

    def _left(self, owner: LockOwner) -> None:
        if self.state.owner is not None and self.state.owner.run == owner.run:
            self.state.owner = None

    def lock(self) -> Lock | None:
        return Lock(owner=self.state.owner) if self.state.owner else None

    def hold(self, owner: LockOwner) -> None:
        with self.locked(owner):
            pass
        self.state.owner = owner

    def unlock(self, owner: LockOwner) -> str:
        if self.state.owner is not None and self.state.owner.run != owner.run:
            raise Locked(self.name, f"locked by {self.state.owner.who}", owner=self.state.owner)
        self.state.owner = None
        self.state.ousted.add(owner.run)
        return ""
