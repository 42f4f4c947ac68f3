"""What `remediate doctor` looks at: whether a host has what every playbook needs. Changes nothing, cures nothing."""

from collections.abc import Mapping
from typing import ClassVar

from remediate.model import Finding, Json
from remediate.questions import Answers, Query, Run, RunAnswer
from remediate.steps import Check, Questions
from remediate.target import BEHIND_A_POOLER

PROGRAMS = (
    "awk",
    "curl",
    "find",
    "flock",
    "grep",
    "gzip",
    "head",
    "mkfifo",
    "readlink",
    "sed",
    "setsid",
    "sha256sum",
    "sort",
    "stat",
    "stdbuf",
    "sync",
    "tail",
    "tar",
    "tee",
    "timeout",
    "touch",
    "xargs",
)
"""What the scripts of transport and providers run on a host, besides what POSIX gives every host and Node.

On Debian and Ubuntu all but curl are always there; a BusyBox lacks stdbuf.
"""

WHO_AND_WHAT = r"""
printf '%s\n' "$(id -un)" "$(uname -sr)"
for program; do command -v "$program" >/dev/null || printf 'missing %s\n' "$program"; done
"""

NODE = "command -v node && node --version"

PM2 = r"""
binary=$(command -v pm2 || { test -x "$1/node_modules/.bin/pm2" && printf %s "$1/node_modules/.bin/pm2"; }) || exit 1
printf '%s\n' "$binary"
node -p 'require(require("path").join(require("fs").realpathSync(process.argv[1]), "../../package.json")).version' \
  "$binary"
"""  # never `pm2 --version`: it starts a daemon where none runs

PRISMA = r"""
cd "$1" || exit 1
node -p '["prisma", "@prisma/client"].map((n) => require(`./node_modules/${n}/package.json`).version).join("\n")'
"""

DISK = r"""df -Pk -- "$1" | awk 'NR == 2 { print $4 * 1024, 100 - $5 }'"""

DATABASE = (
    "SELECT current_database(), current_user, current_setting('server_version'), pg_is_in_recovery(),"
    f" {BEHIND_A_POOLER}"
)


class ScriptCheck(Check):
    """Judges the answer of one script."""

    def question(self) -> Run:
        """Return the script with its arguments. MUST."""
        raise NotImplementedError

    def judge_answer(self, answer: RunAnswer) -> Finding:
        """Return what was seen. MUST."""
        raise NotImplementedError

    def ask(self) -> Questions:
        """Ask the one question."""
        return (self.question(),)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Judge the latest answer alone."""
        del first
        return self.judge_answer(now[self.question()])


class Shell(ScriptCheck):
    """The host lets us in, as the right user, and has the programs the runner needs."""

    kind: ClassVar[str] = "doctor.shell"
    user: str = ""

    def question(self) -> Run:
        """Ask who we are, what the system is, and what is missing."""
        return Run(script=WHO_AND_WHAT, args=PROGRAMS)

    def judge_answer(self, answer: RunAnswer) -> Finding:
        """Judge the user and the programs."""
        user, system, *missing = answer.text.splitlines()
        if missing:
            return Finding(healthy=False, seen=", ".join(missing))
        if self.user and user != self.user:
            return Finding(healthy=False, seen=f"we are {user}, the app runs as {self.user}: set become")
        return Finding(healthy=True, seen=f"{user} on {system}")


class Node(ScriptCheck):
    """Node is there."""

    kind: ClassVar[str] = "doctor.node"

    def question(self) -> Run:
        """Ask for node's path and version."""
        return Run(script=NODE)

    def judge_answer(self, answer: RunAnswer) -> Finding:
        """Judge whether it was found."""
        return _found(answer, "node is not on PATH: set env.PATH in the inventory")


class Pm2(ScriptCheck):
    """PM2 is there; its daemon is neither asked nor started."""

    kind: ClassVar[str] = "doctor.pm2"
    backend: str

    def question(self) -> Run:
        """Ask for pm2's path and version."""
        return Run(script=PM2, args=(self.backend,))

    def judge_answer(self, answer: RunAnswer) -> Finding:
        """Judge whether it was found."""
        return _found(answer, "pm2 is neither on PATH nor in node_modules: set env.PATH")


class Prisma(ScriptCheck):
    """Prisma's command line and client are installed in the backend, in one version."""

    kind: ClassVar[str] = "doctor.prisma"
    backend: str

    def question(self) -> Run:
        """Ask for both versions."""
        return Run(script=PRISMA, args=(self.backend,))

    def judge_answer(self, answer: RunAnswer) -> Finding:
        """Judge whether both are there and equal."""
        if answer.exit_code:
            return Finding(healthy=False, seen=f"prisma or @prisma/client is not installed in {self.backend}")
        command_line, client = answer.text.split()
        seen = f"prisma {command_line}, @prisma/client {client}"
        return Finding(healthy=command_line == client, seen=seen)


class Disk(ScriptCheck):
    """There is room to build aside."""

    kind: ClassVar[str] = "doctor.disk"
    path: str = "/"
    free_percent: int = 5
    free_megabytes: int = 500

    def question(self) -> Run:
        """Ask how much is free."""
        return Run(script=DISK, args=(self.path,))

    def judge_answer(self, answer: RunAnswer) -> Finding:
        """Judge share and size."""
        fields = answer.text.split()
        if answer.exit_code or not fields:
            return Finding(healthy=False, seen=f"{self.path} is not there")
        megabytes, percent = int(float(fields[0])) // 1_000_000, int(fields[1])
        enough = megabytes >= self.free_megabytes and percent >= self.free_percent
        return Finding(healthy=enough, seen=f"{megabytes} MB free, {percent} %, at {self.path}")


class Database(Check):
    """The app's database answers, as the app's own role."""

    kind: ClassVar[str] = "doctor.database"
    question: ClassVar[Query] = Query(sql=DATABASE)

    def ask(self) -> Questions:
        """Ask for its name, role and version."""
        return (self.question,)

    def judge(self, first: Answers, now: Answers) -> Finding:
        """Judge that it can be written to."""
        del first
        name, role, version, replica, pooled = now[self.question].rows[0]
        seen = f"{name} as {role}, PostgreSQL {version}" + (", a read-only replica" if replica else "")
        seen += ", behind a pooler: no index can be made through it, and no VACUUM" if pooled else ""
        return Finding(healthy=not replica, seen=seen)


def _found(answer: RunAnswer, missing: str) -> Finding:
    found = answer.exit_code == 0
    return Finding(healthy=found, seen=" ".join(answer.text.split()) if found else missing)


def checks_for(app: Mapping[str, Json], *, database: bool) -> tuple[Check, ...]:
    """Return what to look at on a host.

    Args:
        app: The inventory's `vars.app`; what it does not name is not looked for.
        database: Whether the inventory names a database.
    """
    shell = Shell(user=str(app.get("user", "")))
    behind = (Database(),) if database else ()
    if "backend" not in app:
        return (shell, Disk(), *behind)
    backend = str(app["backend"])
    return (shell, Node(), Pm2(backend=backend), Prisma(backend=backend), Disk(path=backend), *behind)
