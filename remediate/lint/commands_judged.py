"""Rules about how scripts are judged: exit codes, requests, looks that write, secrets in the open. They run none."""

import re
from collections.abc import Iterator

from remediate.lint.book import Book, Shell, raw
from remediate.lint.commands import each_call
from remediate.lint.examples import looking, script
from remediate.lint.patterns import finds
from remediate.lint.rule import Flaw, Rule, Weight
from remediate.lint.shell_words import Call

_URL = re.compile(
    r"\$\{?\w*(DATABASE_?URL|DB_URL|PG_?URL|POSTGRES_URL)\b|\w+://[^\s@/]+:[^\s@/]+@", re.IGNORECASE
)
_SECRET = re.compile(
    r"""\$\{?(?:\w*(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|API_?KEY|DATABASE_?URL)|(?:\w*_)?(?:DB|PG|USER|ROOT)?PASS)
    S?\d*(?!_(?:COUNT|VERSION|LENGTH|LIMIT|MAX|TTL|TYPE|NAME|FILE|PATH|DIR|ID|AGE|EXPIR\w*)\b)(?:_\w+)?\b""",
    re.IGNORECASE | re.VERBOSE,
)
"""A variable whose name says that it is a secret, and not how many there are or where one lies."""
_HEADER = re.compile(r"(authorization|x-api-key|cookie)\s*:", re.IGNORECASE)
_CLIENTS = frozenset(
    {"psql", "pg_dump", "pg_restore", "createdb", "dropdb", "mysql", "mongosh", "redis-cli", "pg_isready"}
)
_WRITERS = frozenset(
    (
        *(
            "rm",
            "mv",
            "cp",
            "ln",
            "mkdir",
            "rmdir",
            "touch",
            "chmod",
            "chown",
            "truncate",
            "tee",
            "dd",
            "install",
        ),
        *("kill", "pkill", "killall", "reboot", "shutdown", "useradd", "usermod", "crontab"),
    )
)
_VERBS = {
    "npm": {"ci", "run", "rebuild", "prune"},
    "pm2": {"flush", "reset", "restart", "reload", "start", "stop", "delete", "save", "kill", "resurrect"},
    "systemctl": {"restart", "start", "stop", "reload", "enable", "disable", "kill"},
    "git": {"pull", "checkout", "reset", "clean", "stash", "merge", "commit"},
    "docker": {"rm", "restart", "stop", "start", "run", "kill", "prune"},
    "apt-get": {"install", "remove", "upgrade"},
}
_HARMLESS = re.compile(r"/dev/(null|stdout|stderr|tty)|&?\d+|&-|-")
_BOUND = {"curl": ("-m", "--max-time"), "wget": ("-T", "--timeout")}


def _prints(_shell: Shell, call: Call) -> str:
    if call.program in {"echo", "printf"} and not call.redirects and call.after != "|":
        found = next((found[0] for word in call.words if (found := _SECRET.search(word))), "")
        return f"prints {found}" if found else ""
    if call.program == "printenv" or call.words in {("set",), ("env",)}:
        return "prints the environment"
    if call.program == "pm2" and call.plain[:1] and call.plain[0] in {"env", "jlist", "prettylist"}:
        return f"`pm2 {call.plain[0]}` prints every variable of the app"
    if call.program in {"cat", "head", "tail"} and any(
        re.search(r"(^|/)\.env(\.\w+)?$|dump\.pm2", w) for w in call.plain
    ):
        return "prints a file that bears secrets"
    return ""


def _in_arguments(_shell: Shell, call: Call) -> str:
    if call.program in _CLIENTS and any(_URL.search(word) for word in call.words[1:]):
        return "hands over the URL, with its password, as an argument"
    sends = call.program in {"curl", "wget"} and any(
        _HEADER.search(word) or _SECRET.search(word) for word in call.words[1:]
    )
    login = call.program == "curl" and call.has("-u", "--user")
    return "hands over a secret as an argument" if sends or login else ""


def _unbounded(_shell: Shell, call: Call) -> str:
    bounds = _BOUND.get(call.program)
    if bounds and not call.has(*bounds) and "timeout" not in call.around:
        return f"`{call.program}` without a time limit ({bounds[1]})"
    return ""


def _unjudged(shell: Shell, call: Call) -> str:
    step = raw(shell.step)
    if (
        call.program != "curl"
        or step.get("pattern") is not None
        or call.has("-f", "--fail", "--fail-with-body")
    ):
        return ""
    return "`curl` exits 0 whatever the server answers, and nobody judges it"


def _takes_401(shell: Shell, call: Call) -> str:
    pattern, absent = raw(shell.step).get("pattern"), raw(shell.step).get("absent") is True
    if (
        call.program != "curl"
        or not isinstance(pattern, str)
        or not any("http_code" in w for w in call.words)
    ):
        return ""
    well = finds(pattern, "401") is not absent
    return "401 counts as well, which is given before the code that failed is reached" if well else ""


def _sends(shell: Shell, call: Call) -> str:
    if not shell.looks or call.program != "curl":
        return ""
    methods = {"POST", "PUT", "PATCH", "DELETE", "-XPOST", "-XPUT", "-XPATCH", "-XDELETE"}
    data = call.has("--data", "--data-raw", "--data-binary", "--json", "--form") or {"-d", "-F", "-T"} & set(
        call.words
    )
    return "writes to the app while it looks" if data or methods & set(call.words) else ""


def _writes(shell: Shell, call: Call) -> str:
    if not shell.looks:
        return ""
    file = next((to for op, to in call.redirects if ">" in op and not _HARMLESS.fullmatch(to)), "")
    if file:
        return f"writes to `{file}` while it looks"
    if call.program == "git" and call.plain[:2] in {("stash", "list"), ("stash", "show")}:
        return ""
    changed = call.program in _WRITERS or bool(_VERBS.get(call.program, set()) & set(call.plain[:1]))
    in_place = call.program in {"sed", "perl"} and call.has("-i")
    return f"`{' '.join(call.words[:2])}` changes something in a look" if changed or in_place else ""


def _ignored(book: Book) -> Iterator[Flaw]:
    for shell in book.shells:
        for first, second in zip(shell.calls, shell.calls[1:], strict=False):
            if second.before == "||" and second.words in {("true",), (":",)}:
                yield shell.at(first, "whether this succeeds is thrown away")
        for call in shell.calls:
            if call.program == "set" and "+e" in call.words:
                yield shell.at(call, "from here on nobody sees what fails")


def _unchecked(book: Book) -> Iterator[Flaw]:
    for shell in book.shells:
        calls = shell.calls
        guarded = any(call.program == "set" and call.has("-e") for call in calls[:1])
        loose = next((call for call in calls[:-1] if _is_loose(call)), None)
        if shell.step.kind == "command.run" and not shell.looks and loose is not None and not guarded:
            yield shell.at(
                loose, "what comes after it runs also where this fails, and the last exit code counts"
            )


def _is_loose(call: Call) -> bool:
    return (
        call.after in {"\n", ";"}
        and call.before not in {"&&", "||"}
        and call.program not in {"", "export", "cd"}
    )


def _piped(book: Book) -> Iterator[Flaw]:
    for shell in book.shells:
        for call in shell.calls:
            if shell.step.kind == "command.run" and not shell.looks and call.after == "|" and _may_fail(call):
                yield shell.at(call, "its exit code is lost in the pipe: the last command's counts")


def _may_fail(call: Call) -> bool:
    return call.program not in {"echo", "printf", "cat", "yes"}


def _greps_settings(_shell: Shell, call: Call) -> str:
    settings = re.compile(r"(^|/)(tsconfig\S*|package)\.json$")
    if call.program in {"grep", "egrep"} and any(settings.search(word) for word in call.plain):
        return "greps a file of settings by a word that means other things in it, too"
    return ""


RULES: tuple[Rule[Book], ...] = (
    Rule(
        "RM331", "prints-secrets", Weight.ERROR,
        "`echo $DATABASE_URL` shows the variable of the SSH shell, not the app's, and leaves the password in"
        " every output.",
        "`env.value`, `env.process` and `env.database` tell what the app has without showing it.",
        looking('echo "$DATABASE_URL"'), "diagnose:\n  - name: look\n    env.process: {keys: [DATABASE_URL]}\n",
        each_call(_prints),
    ),
    Rule(
        "RM332", "secret-in-arguments", Weight.ERROR,
        "Every user of the host reads arguments (`ps`); and psql refuses Prisma's own `?schema=public`"
        " (measured), which"
        " then looks like a database that is down.",
        "`env.database` and `sql.query` connect with the app's own URL; `http.ok: {bearer: token}` sends a token.",
        looking('psql "$DATABASE_URL" -c "SELECT 1"'), "diagnose:\n  - name: look\n    env.database: {}\n",
        each_call(_in_arguments),
    ),
    Rule(
        "RM333", "request-unbounded", Weight.WARNING,
        "A server that accepts and says nothing holds the look up until the step's own limit.",
        "`http.ok` has a limit; by hand, `curl --max-time 5`.",
        looking("curl -s localhost:3000/health"), looking("curl -s --max-time 5 localhost:3000/health"),
        each_call(_unbounded),
    ),
    Rule(
        "RM334", "request-unjudged", Weight.ERROR,
        "The runbook's health check prints `%{http_code}` and judges nothing: it always ends with 0.",
        "`http.ok: {path: …, status: 200, json: …}`; by hand, `--fail` or a `pattern`.",
        "diagnose:\n  - name: look\n    command.output: {script: curl -s -m 5 localhost:3000/health}\n",
        "diagnose:\n  - name: look\n    command.output: {script: curl -s -f -m 5 localhost:3000/health}\n",
        each_call(_unjudged),
    ),
    Rule(
        "RM335", "request-takes-401", Weight.ERROR,
        "An expired token gives 401, and “not 500” looks healthy.",
        "Expect exactly 200: `http.ok: {path: …, bearer: token}`, or `pattern: ^200$`.",
        "diagnose:\n  - name: look\n    command.output:\n"
        "      {script: \"curl -s -m 5 -w '%{http_code}' localhost:3000\", pattern: \"^5\", absent: true}\n",
        "diagnose:\n  - name: look\n    command.output:\n"
        "      {script: \"curl -s -m 5 -w '%{http_code}' localhost:3000\", pattern: \"200$\"}\n",
        each_call(_takes_401),
    ),
    Rule(
        "RM336", "request-writes", Weight.ERROR,
        "The runbook's diagnosis makes a “Test” project in production, and leaves it there.",
        "`prisma.writable` finds in the catalog what stands in the way of a write, without one.",
        looking("curl -s -m 5 -d name=Test localhost:3000/projects"),
        "diagnose:\n  - name: look\n    prisma.writable: {}\n",
        each_call(_sends),
    ),
    Rule(
        "RM337", "look-that-writes", Weight.ERROR,
        "Everything before the confirmation must be free of effects: `command.output`, and `unless`, are run by"
        " every plan.",
        "Move it to `fix`, as an action.",
        looking("touch /tmp/looked"), looking("test -e /tmp/looked"), each_call(_writes),
    ),
    Rule(
        "RM338", "exit-code-ignored", Weight.ERROR,
        "A build whose exit code is ignored was the root cause of the runbook's first symptom: tsc exits 2 and"
        " still emits.",
        "Let it fail. Where a failure is fine, say in the script which one.",
        script("make cache || true"), script("make cache"), _ignored,
    ),
    Rule(
        "RM339", "commands-unchecked", Weight.WARNING,
        "A shell goes on after a command that failed, and the step succeeds if the last one does.",
        "Begin the script with `set -e`, or join the commands with `&&`.",
        script("make cache\nmake warm"), script("set -e\nmake cache\nmake warm"), _unchecked,
    ),
    Rule(
        "RM340", "exit-code-in-a-pipe", Weight.WARNING,
        "Of a pipe only the last command's exit code counts: `make | tail` succeeds whatever make does.",
        "Write to a file, or leave the pipe out: the runner keeps the last lines itself.",
        script("make cache | tail -n 5"), script("make cache"), _piped,
    ),
    Rule(
        "RM341", "greps-settings", Weight.WARNING,
        "`grep module` finds moduleResolution and comments, `grep '\"type\"'` the type of a repository; extends"
        " is not followed.",
        "`node.module_type` asks the compiler, `files.parses` reads the file.",
        looking("grep module tsconfig.json"), "diagnose:\n  - name: look\n    node.module_type: {}\n",
        each_call(_greps_settings),
    ),
)  # fmt: skip
