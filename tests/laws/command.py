"""This machine as a target, by its own `sh`: for laws and tests in which the transport is not what is being tried."""

import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from remediate.errors import Conflict, CouldNotLook
from remediate.model import Json
from remediate.owner import LockOwner
from remediate.questions import Answer, Answers, Read, ReadAnswer, Run, RunAnswer, Unanswered
from remediate.target import DatabaseChange, Job, Machine

READ = r"""
[ -e "$1" ] || [ -L "$1" ] || exit 3
stat -c '%F|%a|%U|%G|%.9Y' -- "$1"
if [ -L "$1" ]; then readlink -n -- "$1"; elif [ -f "$1" ]; then cat -- "$1"; fi
"""
WRITE = r"""
new=$(mktemp -- "$1.XXXXXX") && cat >"$new" && chmod -- "$2" "$new" && chown -- "$3" "$new" || exit 3
[ -z "$4" ] || touch -d "@$4" -- "$new"
mv -T -- "$new" "$1"
"""
DELETE = 'rm -f -- "$1"'
KINDS = {
    "regular file": "file",
    "regular empty file": "file",
    "symbolic link": "link",
    "directory": "directory",
}
TREE = r"""
# Everything below the directories $2, $3, … but node_modules; of directories no time, of files the digest. Then
# every process of pm2 with its status.
LC_ALL=C
export LC_ALL
PATH=$PATH:$1/node_modules/.bin
shift
for directory do
    find "$directory" -name node_modules -prune -o -type d -printf '%p d %m %u %g\n' \
        -o -printf '%p %y %m %u %g %T@ %l\n' | sort
    find "$directory" -name node_modules -prune -o -type f -print0 | sort -z | xargs -0 -r sha256sum
done
home=${PM2_HOME:-$HOME/.pm2}
[ ! -S "$home/rpc.sock" ] || NO_COLOR=1 pm2 jlist | node -e '
    const text = require("fs").readFileSync(0, "utf8").trim().split("\n").pop()
    for (const one of JSON.parse(text)) console.log(one.name, one.pm2_env.status)'
"""


@dataclass(frozen=True)
class CommandTarget:
    """A target; changes need no token here."""

    token = ""

    name = "this machine"
    machine = Machine()
    database: Mapping[str, Json] = field(default_factory=dict)

    def script(self, script: str, args: Sequence[str], stdin: bytes = b"", timeout: float = 120) -> RunAnswer:
        command = ["sh", "-c", script, "sh", *args]
        done = subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=timeout)
        return RunAnswer(exit_code=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def answer(self, questions: Iterable[Any]) -> Answers:
        return Answers(
            {question: self._answered(question) for question in dict.fromkeys(questions)}, self.name
        )

    def _answered(self, question: Any) -> Answer:
        match question:
            case Run():
                return self.script(question.script, question.args, timeout=question.timeout)
            case Read():
                return self._read(question.path)
        return Unanswered(reason="only scripts and files can be asked here")

    def _read(self, path: str) -> ReadAnswer:
        answer = self.script(READ, [path])
        if answer.exit_code:
            return ReadAnswer(exists=False)
        head, _, content = answer.stdout.partition(b"\n")
        kind, mode, owner, group, time = head.decode().split("|")
        link = kind == "symbolic link"
        return ReadAnswer(
            exists=True,
            kind_of_file=KINDS.get(kind, "other"),
            content=b"" if link else content,
            mode=int(mode, 8),
            owner=owner,
            group=group,
            mtime_ns=int(time.replace(".", "")),
            link_to=content.decode() if link else "",
        )

    def scoped(self, token: str) -> "CommandTarget":
        del token
        return self

    def run(self, job: Job) -> RunAnswer:
        return self.script(job.script, job.args, timeout=job.timeout)

    def write(self, path: str, content: bytes, expect: ReadAnswer, like: ReadAnswer | None = None) -> None:
        now = self._read(path)
        if (now.exists, now.kind_of_file, now.content) != (
            expect.exists,
            expect.kind_of_file,
            expect.content,
        ):
            raise Conflict(path, "is not as expected")
        model = like or expect
        time = f"{model.mtime_ns // 10**9}.{model.mtime_ns % 10**9:09d}" if like else ""
        done = self.script(WRITE, [path, f"{model.mode:o}", f"{model.owner}:{model.group}", time], content)
        assert done.exit_code == 0, done.error_text

    def delete(self, path: str, expect: ReadAnswer) -> None:
        if self._read(path).content != expect.content:
            raise Conflict(path, "is not as expected")
        self.script(DELETE, [path])

    def change_database(self, change: DatabaseChange) -> bool:
        raise NotImplementedError

    @contextmanager
    def schema_copy(self, token: str) -> Iterator["CommandTarget"]:
        raise CouldNotLook(self.name, f"no database is here to be copied as {token}")
        yield self

    def forget(self, token_prefix: str) -> None:
        del token_prefix

    def ledger(self) -> dict[str, Json] | None:
        return None

    @contextmanager
    def locked(self, owner: LockOwner) -> Iterator[None]:
        del owner
        yield


@dataclass(frozen=True)
class CommandWorld:
    """A world behind a target of commands.

    Attributes:
        reach: The way in.
        backend: Where pm2 may be installed.
        places: What belongs to the fingerprint.
        begin: Puts everything back to how the case begins.
    """

    reach: CommandTarget
    backend: str
    places: tuple[str, ...]
    begin: Callable[[], None]

    def target(self) -> CommandTarget:
        return self.reach

    def fingerprint(self) -> Json:
        answer = self.reach.script(TREE, [self.backend, *self.places])
        assert answer.exit_code == 0, answer.error_text
        return answer.text

    def reset(self) -> None:
        self.begin()
