"""The program as an operator starts it, and a picture of all that matters of a host."""

import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.canary import CANARIES, Screen
from tests.dumps import in_order
from tests.faults.mortal import Order
from tests.launching import common
from tests.practice import LUMIKU, REPOSITORY, App, Practice

PICTURE = r"""
backend=$1 home=${HOME#/}
cd /
find srv "$home" opt var/tmp tmp \( -path "$home/.pm2/logs" -o -path "srv/*/the logs" \) -prune -o \
  -printf '%y %m %u:%g %T@ %s %p %l\n' | LC_ALL=C sort
find "$backend/.." -path '*/node_modules' -prune -o -type f ! -path '*/the logs/*' -print0 |
  LC_ALL=C sort -z | xargs -0 sha256sum
find "$backend/node_modules/.prisma" -type f -print0 2>/dev/null | LC_ALL=C sort -z | xargs -0 -r sha256sum
[ ! -f "$HOME/.pm2/dump.pm2" ] || sha256sum "$HOME/.pm2/dump.pm2"
"""
LOGIN = r"""
url=$(sed -n 's/^DATABASE_URL=//p' "${1:-/srv/lumiku/backend}/.env" | tr -d '"')
url=${url%%DATABASE_URL=*}
login=${url#*//}
login=${login%%@*}
export PGPASSWORD=$(printf '%b' "$(printf '%s' "${login#*:}" | sed 's/%/\\x/g')")
url=postgresql://${login%%:*}@${url#*@}
"""
"""Sets `url` to the database's, without its password, which goes by the environment."""
DUMP = (
    LOGIN
    + r"""
"$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)/pg_dump" --exclude-schema=remediate "${url%%\?*}" |
  sed '/^\\restrict/d; /^\\unrestrict/d'
"""
)
PROCESSES = r"""
for look in 1 2 3 4; do
  seen=$(pm2 jlist | node -e '
let text = ""
process.stdin.on("data", (piece) => (text += piece)).on("end", () => {
  const seen = JSON.parse(text.slice(text.indexOf("[")))
  console.log(JSON.stringify(seen.map((one) => [one.name, one.pm2_env.status, one.pid, one.pm2_env.restart_time,
    one.pm2_env.pm_exec_path, one.pm2_env.exec_mode])))
})')
  case $seen in *'"stopped"'*) sleep 0.7 ;; *) break ;; esac
done
printf '%s\n' "$seen"
"""
"""What pm2 has. For a moment it calls a process that has just died `stopped`, as it does one that somebody stopped."""


DYING, TRIED = ("online", "launching", "waiting restart", "errored"), "online, or tried"
"""What pm2 calls a process that dies again and again, one moment or another; `stopped` is what somebody meant."""
WITNESS = r"^f 600 \w+:\w+ \S+ \S+ home/\w+/\.remediate/heads/[0-9a-f]{16} *\n"
"""The head of an audit log as a host keeps it."""
ITS_FOLDERS = r"^d 700 \w+:\w+ home/\w+/\.remediate(/heads)? *\n"
"""The two folders that are there for it."""


@dataclass(frozen=True)
class Ended:
    """What one command line gave."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict]:
        """The JSON lines it printed."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class Operator:
    """Somebody at a terminal of the runner."""

    practice: Practice
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name != "REMEDIATE_TRACEBACK"}
        return {
            **kept,
            "XDG_STATE_HOME": str(self.folder),
            "REMEDIATE_INVENTORY": str(self.practice.inventory),
            "NO_COLOR": "1",
        }

    def start(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        line = [sys.executable, "-m", "remediate", *words]
        return Screen(
            line,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env={**self.environment, **environment},
        )

    def does(self, *words: str, **environment: str) -> Ended:
        with tempfile.TemporaryDirectory() as folder:
            order = Order(words, {**self.environment, **environment}, folder)
            code = common().carry_out(order)
            out, err = (Path(folder, name).read_text(errors="surrogateescape") for name in ("out", "err"))
        assert not CANARIES.in_screen(out + err), f"a secret is on the screen of {words}"
        assert "Traceback" not in err + out
        return Ended(code, out, err)

    @property
    def first_run(self) -> str:
        return json.loads(self.does("runs", "--json").out.splitlines()[-1])["header"]["run"]

    @property
    def last_run(self) -> str:
        return json.loads(self.does("runs", "--json", "--limit", "1").out)["header"]["run"]


@dataclass(frozen=True)
class Picture:
    """All that matters of a host: files, database, processes."""

    files: str
    database: str
    processes: str

    @property
    def settled(self) -> "Picture":
        """The same without what a way back cannot and need not restore.

        Those are process ids, restart counters and the times of directories (they tell when a name in them changed);
        the word that pm2 has, at one moment, for a process that dies again and again; and the head of the audit log
        stays there, for whoever looks whether the log is whole.
        """
        files = re.sub(r"^(d \S+ \S+) \S+ \S+", r"\1", self.files, flags=re.MULTILINE)
        files = re.sub(r"^. .* home/\w+/\.(pm2|npm|cache).*\n", "", files, flags=re.MULTILINE)
        if re.search(WITNESS, files, flags=re.MULTILINE):
            files = re.sub(f"{WITNESS}|{ITS_FOLDERS}", "", files, flags=re.MULTILINE)
        files = "\n".join(sorted(files.splitlines()))
        seen = json.loads(self.processes)
        processes = [[one[0], TRIED if one[1] in DYING else one[1], *one[4:]] for one in seen]
        return Picture(files, self.database, json.dumps(processes))

    @property
    def but_for_witnesses(self) -> "Picture":
        """The same without the heads of audit logs, and the time of the folder that they are in."""
        files = re.sub(WITNESS, "", self.files, flags=re.MULTILINE)
        files = re.sub(r"^d .* home/\w+/\.remediate/heads *\n", "", files, flags=re.MULTILINE)
        return Picture(files, self.database, self.processes)

    @property
    def settled_but_for_marks(self) -> "Picture":
        """The same without what calls off a job whose end nobody saw: it has to stay, lest the job begin late."""
        settled = self.settled
        files = [line for line in settled.files.splitlines() if not re.search(r" home/\w+/\.remediate", line)]
        return Picture("\n".join(files), settled.database, settled.processes)


def picture(practice: Practice, host: str = "web1", app: App = LUMIKU) -> Picture:
    said = [practice.shell(host, script, app.backend, user=app.user) for script in (PICTURE, DUMP, PROCESSES)]
    files, database, processes = said
    return Picture(files, in_order(database), processes)
