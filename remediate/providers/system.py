"""The host itself: room on its disks, its memory, its processors. Looks only; what is too large it names and leaves.

How it is asked stands in `system_host`. A look at memory or processors is of one moment, and an alert
over one moment calls people for nothing; so the kernel's own averages count as well.
"""

import re
from typing import ClassVar

from pydantic import Field

from remediate.model import Finding, Json
from remediate.providers.system_host import (
    CPU_SCRIPT,
    MEMORY_SCRIPT,
    Memory,
    Space,
    disk_question,
    read_memory,
    read_processors,
    read_space,
)
from remediate.questions import Answers, Run
from remediate.steps import Check, Questions, Step

MEGABYTE = 1_000_000
SHOWN = 8
PROPOSED = (
    (re.compile(r"\.remediate-"), "kept for a rollback", "remove it when that run will not be taken back"),
    (re.compile(r"\.log(\.[^/]*)?$"), "a log", "rotate it; `pm2 flush NAME` empties those of pm2"),
    (re.compile(r"/(\.cache|_cacache)$"), "a cache", "it is made anew when it is needed: remove it"),
    (re.compile(r"/(dist|build)[._-][^/]*$|\.old$"), "an old build", "remove it when nobody goes back to it"),
)
"""How something is known by its name, what it is, and what could be done about it; in that order."""
OTHER = ("a large file", "find out whose it is")


class SystemDisk(Check):
    """Whether the file system that a path is on has room: bytes that may still be written, and inodes.

    Only where it has not, the host looks for what could go, below `largest`, and names it with what to do. Facts for
    later steps: `mount`, `free` (bytes), `percent`, `inodes` (percent, or null), `large` (`{path, bytes, kind}` each).
    """

    kind: ClassVar[str] = "system.disk"
    tells: ClassVar[str] = (
        "Looks whether the disk that holds {path} has at least {free_percent} % and {free_megabytes} MB "
        "free, and inodes to spare[. Where it has not, the largest things below {largest} are named, with"
        " what could be done about each]"
    )
    path: str = Field(
        default="{{ app.root }}", pattern=r"^[/~]", description="A path on it; ~ is our home on the host."
    )
    free_percent: int = Field(default=5, ge=0, le=100, description="How much of it must be free.")
    free_megabytes: int = Field(default=500, ge=0, description="How much must be free, in MB.")
    free_inodes_percent: int = Field(default=5, ge=0, le=100, description="How many inodes must be free.")
    largest: list[str] = Field(
        default=[], description="Directories to search for what could go, where too little is free."
    )

    @property
    def question(self) -> Run:
        """The question how much is free."""
        least = self.free_megabytes * MEGABYTE
        return disk_question(
            self.path, self.free_percent, least, self.free_inodes_percent, tuple(self.largest)
        )

    def ask(self) -> Questions:
        """Return the one question."""
        return (self.question,)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare what is free with what must be."""
        del first
        space = read_space(now, self.question)
        wrong = ", ".join(self._wrong(space))
        inodes = "" if space.inodes is None else f", {space.inodes:.0f} % of its inodes"
        free = f"{space.mount} has {space.free // MEGABYTE} MB free ({space.percent:.0f} %{inodes})"
        return Finding(
            healthy=not wrong,
            seen=f"{free}{': too little ' * bool(wrong)}{wrong}",
            evidence=tuple(_proposal(size, path) for size, path in space.large[:SHOWN]) if wrong else (),
            facts={
                "mount": space.mount,
                "free": space.free,
                "percent": round(space.percent, 1),
                "inodes": None if space.inodes is None else round(space.inodes, 1),
                "large": [_large(size, path) for size, path in space.large],
            },
        )

    def _wrong(self, space: Space) -> list[str]:
        room = space.percent < self.free_percent or space.free < self.free_megabytes * MEGABYTE
        inodes = space.inodes is not None and space.inodes < self.free_inodes_percent
        least = f"room ({self.free_percent} % and {self.free_megabytes} MB are wanted)"
        return [*([least] if room else []), *(["inodes"] if inodes else [])]


def _kind_of(path: str) -> tuple[str, str]:
    return next(((what, todo) for pattern, what, todo in PROPOSED if pattern.search(path)), OTHER)


def _proposal(size: int, path: str) -> str:
    what, todo = _kind_of(path)
    return f"{size / MEGABYTE:.1f} MB  {path}: {what}; {todo}"


def _large(size: int, path: str) -> dict[str, Json]:
    return {"path": path, "bytes": size, "kind": _kind_of(path)[0]}


class SystemMemory(Check):
    """Whether there is memory for a new program, and whether the kernel ended a process lately for want of it.

    While a window is open (`verify`) every such end within it counts. Before, the kernel's log tells when, where its
    administrator lets us read it; its counter since the boot alone says nothing of lately, and is shown only.
    """

    kind: ClassVar[str] = "system.memory"
    tells: ClassVar[str] = (
        "Looks whether at least {free_percent} % of the memory is free, and whether the kernel ended a "
        "process for want of it in the last {lately} minutes"
    )
    free_percent: int = Field(default=5, ge=0, le=100, description="How much must be available.")
    lately: int = Field(default=60, ge=0, description="For how many minutes an ended process counts.")
    question: ClassVar[Run] = Run(script=MEMORY_SCRIPT)

    def ask(self) -> Questions:
        """Return the one question."""
        return (self.question,)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare what is available with what must be, and the kernel's counter with the first look."""
        memory = read_memory(now, self.question)
        percent = 100 * memory.available / memory.total
        killed = self._killed(read_memory(first, self.question), memory)
        little = [f"less than {self.free_percent} %"] * (percent < self.free_percent)
        wrong = "; ".join([*little, *killed])
        available = f"{memory.available // MEGABYTE} MB of memory are available ({percent:.0f} %)"
        return Finding(
            healthy=not wrong,
            seen=f"{available}{': ' * bool(wrong)}{wrong}{_of_the_past(memory) * (not killed)}",
            facts={"available": memory.available, "percent": round(percent, 1), "kills": memory.kills},
        )

    def _killed(self, first: Memory, now: Memory) -> list[str]:
        late = [name for ago, name in now.killed or () if ago <= 60 * self.lately]
        more = (now.kills or 0) - (first.kills or 0)
        if late:
            return [f"the kernel ended {', '.join(late)} for want of memory"]
        return [f"the kernel ended {more} processes meanwhile for want of memory"] if more > 0 else []


def _of_the_past(memory: Memory) -> str:
    if not memory.kills:
        return ""
    unseen = " (when is not known: its log is closed to us)" if memory.killed is None else ""
    return f"; {memory.kills} processes were ended for want of it since the boot{unseen}"


class SystemCpu(Check):
    """Whether the processors are taken, now and for minutes: one moment alone is no load.

    Unhealthy where they are busy through the look itself, and the load of the last five minutes is more than the
    cores can do as well; or where the machine beneath keeps them for others.
    """

    kind: ClassVar[str] = "system.cpu"
    tells: ClassVar[str] = (
        "Looks whether the processors are more than {busy_percent} % busy now and were so for five "
        "minutes, or whether the machine beneath keeps them for others"
    )
    busy_percent: int = Field(default=90, ge=1, le=100, description="From when on they count as taken.")
    stolen_percent: int = Field(
        default=20, ge=1, le=100, description="How much the machine beneath may keep for others."
    )
    load_per_core: float = Field(default=1.0, gt=0, description="What of five minutes' load a core can do.")
    seconds: int = Field(default=1, ge=1, le=10, description="How long the look takes.")

    @property
    def question(self) -> Run:
        """The question what the processors do."""
        return Run(script=CPU_SCRIPT, args=(str(self.seconds),), timeout=30.0)

    def ask(self) -> Questions:
        """Return the one question."""
        return (self.question,)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Compare both."""
        del first
        seen = read_processors(now, self.question)
        sustained = seen.busy >= self.busy_percent and seen.load[1] >= self.load_per_core * seen.cores
        stolen = seen.stolen >= self.stolen_percent
        load = ", ".join(f"{load:.2f}" for load in seen.load)
        stolen_words = f"; the machine beneath keeps {seen.stolen:.0f} % for others" * (
            stolen or seen.stolen >= 1
        )
        waited = (
            ""
            if seen.waited is None
            else f"; something waited for them {seen.waited:.0f} % of the last minute"
        )
        return Finding(
            healthy=not (sustained or stolen),
            seen=f"{seen.cores} cores, busy {seen.busy:.0f} %, load {load}{stolen_words}{waited}",
            facts={
                "busy": round(seen.busy, 1),
                "stolen": round(seen.stolen, 1),
                "load": list(seen.load),
                "cores": seen.cores,
            },
        )


STEPS: tuple[type[Step], ...] = (SystemDisk, SystemMemory, SystemCpu)
