"""Words by which a shell script would throw data away, also behind a script of package.json. It runs and asks nothing.

A shell can hide any word from a reader who looks for it; this finds what is written as people write it. Who wants to
be sure forbids free commands altogether: `forbid: [opaque]`. Sources: Prisma's CLI reference, PostgreSQL's manual.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from remediate.hazard import Hazard, Severity
from remediate.lint.shell_words import Call, calls_of

_PROGRAM = re.compile(
    r"\bmigrate\s+(?:-\S+\s+(?:\S+\s+)?)*reset\b|--accept-data-loss\b|--force-reset\b|\bdropdb\b"
    r"|\bpg_restore\b.*\s(?:--clean\b|(?-i:-[aeCOsvx1]*c))",
    re.IGNORECASE,
)
_SQL = re.compile(
    r"\bDROP\s+(?:TABLE|SCHEMA|DATABASE|OWNED|VIEW|MATERIALIZED|TYPE|DOMAIN|SEQUENCE|EXTENSION|FOREIGN|COLUMN)\b"
    r"|\bALTER\s+TABLE\b[^;]*\bDROP\s+(?!CONSTRAINT\b|NOT\b|DEFAULT\b|IDENTITY\b|EXPRESSION\b)\S"
    r"|\bTRUNCATE\s+(?!-)\w|\bDELETE\s+FROM\b(?!\s+(?:ONLY\s+)?[\w.]+\b[^;]*\bWHERE\b(?!\s+(?:true|1\s*=\s*1)\s*(?:;|$)))",
    re.IGNORECASE,
)
_SILENT = frozenset({"grep", "egrep", "fgrep", "rg", "test", "[", "true", "false", "cd", "ls", "cat", "stat"})
"""Programs whose arguments are text to look for or at; what they are told to say is nobody's command."""
_SPEAKERS = frozenset({"echo", "printf"})
"""What they say is a command only where it goes to a program that may do it, or into a file."""
_READERS = _SILENT | {"head", "tail", "sort", "uniq", "wc", "cut", "tr", "jq"}
"""Programs that do nothing of what they read."""
_MANAGERS = frozenset({"npm", "pnpm", "yarn", "bun"})
_RUNNERS = frozenset({"run-s", "run-p", "npm-run-all"})
_RUN = frozenset({"run", "run-script", "rum", "urn"})
_BY_ITSELF = {
    **dict.fromkeys(("test", "t", "tst"), ("test",)),
    "start": ("start",),
    "stop": ("stop",),
    "restart": ("restart", "stop", "start"),
}
_INSTALL = frozenset({"ci", "clean-install", "install", "i", "add", "install-clean"})
_INSTALLING = ("preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare")
_WITH_VALUE = frozenset(
    {"--prefix", "-C", "--dir", "--cwd", "--filter", "-F", "-w", "--workspace", "--loglevel", "--userconfig"}
)
_FOLDER = re.compile(r"(?<![\w./-])/[\w./@+-]*")


@dataclass(frozen=True)
class Wanted:
    """A script of package.json that something runs.

    Attributes:
        name: Its name, or a pattern of names.
        sure: Whether it must be there: npm's own may be missing, and `yarn tsc` may mean a program.
    """

    name: str
    sure: bool = True


def said_by(script: str, args: Sequence[str] = ()) -> str:
    """Return the words by which a script would lose data, or nothing."""
    text = _filled(script, args)
    calls = tuple(calls_of(text))
    heard = any(
        "|" in call.before and "||" not in call.before and call.program not in _READERS for call in calls
    )
    found = next(filter(None, (_lost_by(call, heard) for call in calls)), None) or _lost_in_documents(text)
    return " ".join(found[0].split()) if found else ""


def _lost_by(call: Call, heard: bool) -> re.Match[str] | None:
    name, targets = call.program, [target for _, target in call.redirects]
    kept = any(not target.isdigit() and not target.startswith("/dev/") for target in targets)
    words = " ".join((*call.around, *call.words))
    said = () if name in _SILENT or (name in _SPEAKERS and not heard and not kept) else (*call.words, words)
    found = (_PROGRAM.search(one) or _SQL.search(sql(one)) for one in (*call.given, *targets, *said))
    return next(filter(None, found), None)


def _lost_in_documents(text: str) -> re.Match[str] | None:
    """Return what a here-document says in SQL: it is what a program reads, and which one is not asked."""
    for found in re.finditer(
        r"<<-?[ \t]*(['\"]?)(\w+)\1[^\n]*\n(.*?)^\t*\2$", text, re.MULTILINE | re.DOTALL
    ):
        if lost := _SQL.search(sql(found[3])) or _PROGRAM.search(found[3]):
            return lost
    return None


def sql(text: str) -> str:
    """Return text of SQL as one line without comments, literals and quotes of names."""
    bare = re.sub(r"/\*.*?\*/|--[ \t][^\n]*", " ", text, flags=re.DOTALL)
    return " ".join(re.sub(r"'[^']*'", "''", bare).replace('"', "").split())


def _filled(script: str, args: Sequence[str]) -> str:
    """Return a script with its arguments in their places."""
    text = re.sub(r"^[ \t]*#.*$", "", script, flags=re.MULTILINE).replace("\\\n", "")
    text = re.sub(r"\$\{?[@*]\}?", lambda _: '" "'.join(args), text)
    text = re.sub(r"\$\{?(\d+)\}?", lambda found: _argument(args, int(found[1])), text)
    return re.sub(r"\$\{?IFS\}?", " ", text)


def _argument(args: Sequence[str], number: int) -> str:
    return args[number - 1] if 1 <= number <= len(args) else ""


def package_scripts(script: str, args: Sequence[str] = ()) -> tuple[Wanted, ...]:
    """Return the scripts of package.json that a script runs, those that an installation runs among them."""
    return tuple(dict.fromkeys(one for call in calls_of(_filled(script, args)) for one in _run_by(call)))


def _run_by(call: Call) -> Iterable[Wanted]:
    words = _without_options(call)
    if call.program == "ssh":
        return [one for inner in calls_of(" ".join(words[1:])) for one in _run_by(inner)]
    if call.program in _RUNNERS:
        return [Wanted(word) for word in words]
    if call.program == "node":
        after = [call.words[at + 1] for at, word in enumerate(call.words[:-1]) if word == "--run"]
        joined = [word.removeprefix("--run=") for word in call.words if word.startswith("--run=")]
        return [Wanted(name) for name in (*after, *joined)]
    if call.program not in _MANAGERS or call.has("--version", "--help"):
        return ()
    return _asked_of(call, words) if words else _installing(call, call.program == "yarn")


def _asked_of(call: Call, words: Sequence[str]) -> Iterable[Wanted]:
    first = words[0]
    if first in _RUN:
        return [Wanted(name) for name in words[1:2]]
    if first in _INSTALL:
        return _installing(call, call.program != "npm" or not words[1:])
    if first in _BY_ITSELF:
        return [Wanted(name, sure=False) for name in _BY_ITSELF[first]]
    return [Wanted(first, sure=False)] if call.program != "npm" and first not in _OWN_VERBS else ()


def _installing(call: Call, own: bool) -> Iterable[Wanted]:
    """Return what an installation runs of the app's own package.json: nothing for packages of the whole machine."""
    if not own or call.has("--ignore-scripts", "--global", "-g"):
        return ()
    return [Wanted(name, sure=False) for name in _INSTALLING]


def _without_options(call: Call) -> list[str]:
    words, rest = [], list(call.words[1:])
    while rest and (word := rest.pop(0)) != "--":
        if word in _WITH_VALUE:
            del rest[:1]
        elif not word.startswith("-"):
            words.append(word)
    return words


_OWN_VERBS = frozenset(
    {
        *("remove", "uninstall", "rm", "un", "update", "up", "upgrade", "ls", "list", "view"),
        *("info", "outdated", "audit", "version", "help", "config", "get", "set", "cache", "exec"),
        *("dlx", "x", "why", "ping", "pack", "root", "prune", "dedupe", "pkg", "link"),
        *("unlink", "store", "bin", "init", "create", "publish", "login", "logout", "global", "workspaces"),
        *("import", "patch", "fetch", "deploy", "build-info"),
    }
)
"""What pnpm, yarn and bun do by themselves; whatever else follows their name is a script's. npm has no such form."""


def folders(script: str, args: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the absolute paths that a script names: it may run a package's script in any of them."""
    named = (found.rstrip("/") for found in _FOLDER.findall(_filled(script, args)))
    return tuple(dict.fromkeys(one for one in named if one))


def scripts_in(content: bytes) -> dict[str, str]:
    """Return the scripts of a package.json; none where it cannot be read as one."""
    try:
        value = json.loads(content)
    except ValueError:
        return {}
    scripts = value.get("scripts") if isinstance(value, dict) else None
    found = scripts if isinstance(scripts, dict) else {}
    return {name: text for name, text in found.items() if isinstance(text, str)}


def hazards_of_package(wanted: Wanted, scripts: Mapping[str, str], where: str) -> Iterator[Hazard]:
    """Yield how a script of package.json, or one that it runs, would lose data, and what of it cannot be read.

    npm runs `pre…` and `post…` around a script of any name (npm-scripts, "Pre & Post Scripts").
    """
    waiting, done = [wanted], set[str]()
    while waiting:
        one = waiting.pop(0)
        names = [known for known in scripts if fnmatchcase(known, one.name)]
        if not names and one.sure:
            yield unread(f"`{one.name}` is no script of {where}")
        around = (f"{when}{known}" for known in names for when in ("pre", "", "post"))
        for name in around:
            if name in scripts and name not in done:
                done.add(name)
                waiting.extend(package_scripts(scripts[name]))
                if words := said_by(scripts[name]):
                    yield lost(f"{words} (by {name!r} of package.json)")


def lost(words: str) -> Hazard:
    """Return the hazard of such words: outside `development: true` nothing helps against it."""
    safer = "sql.delete_rows, sql.migrate; prisma.migrate_reset and prisma.db_push for development"
    return _final("loses-data", f"a command that says {words}", safer)


def unread(what: str) -> Hazard:
    """Return the hazard of a script that is run and cannot be read."""
    return _final(
        "unread-script", what, "name the script's folder by its absolute path, or the command itself"
    )


def _final(rule: str, why: str, safer: str) -> Hazard:
    return Hazard(rule=rule, severity=Severity.STOP, why=why, safer=safer, allowed=True, final=True)
