"""Words by which a shell script would throw data away, also behind a script of package.json. It runs and asks nothing.

A shell can hide any word from a reader who looks for it; this finds what is written as people write it. Who wants to
be sure forbids free commands altogether: `forbid: [opaque]`. Sources: Prisma's CLI reference, PostgreSQL's manual.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from remediate.hazard import Hazard, Severity

_LOSES = re.compile(
    r"\bmigrate\s+reset\b|--accept-data-loss\b|--force-reset\b|\bdropdb\b|\bpg_restore\b.*--clean\b"
    r"|\bDROP\s+(?:TABLE|SCHEMA|DATABASE|OWNED|VIEW|MATERIALIZED|TYPE|DOMAIN|SEQUENCE|EXTENSION|FOREIGN|COLUMN)\b"
    r"|\bTRUNCATE\s+(?!-)\w|\bDELETE\s+FROM\b(?!.*\bWHERE\b)",
    re.IGNORECASE,
)
_PACKAGE_SCRIPT = re.compile(
    r"\b(?:npm|pnpm|yarn|bun)\s+(?:-\S+\s+(?:/\S*\s+)?)*(?:run(?:-script)?\s+(?:-\S+\s+)*)?(?P<name>[\w][\w:.-]*)"
)
_FOLDER = re.compile(r"(?<![\w./-])/[\w./@+-]*")
_OWN_VERBS = frozenset(
    {
        *(
            "ci",
            "install",
            "i",
            "add",
            "remove",
            "uninstall",
            "update",
            "up",
            "ls",
            "list",
            "view",
            "outdated",
        ),
        *("audit", "version", "help", "config", "cache", "exec", "dlx", "x", "why", "ping", "pack", "root"),
    }
)
"""What a package manager does by itself; whatever else follows its name is a script's name."""
_DEEPEST = 5


def said_by(script: str, args: Sequence[str] = ()) -> str:
    """Return the words by which a script would lose data, or nothing."""
    found = _LOSES.search(plain(script, args))
    return " ".join(found[0].split()) if found else ""


def plain(script: str, args: Sequence[str] = ()) -> str:
    """Return a script as one line without quotes and comments, its arguments in their places."""
    text = re.sub(r"^\s*#.*$", "", script.replace("\\\n", ""), flags=re.MULTILINE)
    text = re.sub(r"\$\{?[@*]\}?", lambda _: " ".join(args), text)
    text = re.sub(r"\$\{?(\d+)\}?", lambda found: _argument(args, int(found[1])), text)
    return " ".join(re.sub(r"\$\{?IFS\}?", " ", re.sub(r"[\"'\\]", "", text)).split())


def _argument(args: Sequence[str], number: int) -> str:
    return args[number - 1] if 1 <= number <= len(args) else ""


def package_scripts(script: str, args: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names of package.json's scripts that a script runs."""
    names = (found["name"] for found in _PACKAGE_SCRIPT.finditer(plain(script, args)))
    return tuple(dict.fromkeys(name for name in names if name not in _OWN_VERBS))


def folders(script: str, args: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the absolute paths that a script names: it may run a package's script in any of them."""
    named = (found.rstrip("/") for found in _FOLDER.findall(plain(script, args)))
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


def said_by_package(name: str, scripts: Mapping[str, str], deep: int = _DEEPEST) -> str:
    """Return the words by which a script of package.json, or one that it runs, would lose data; or nothing.

    npm runs `pre…` and `post…` around a script of any name (npm-scripts, "Pre & Post Scripts").
    """
    for one in (f"pre{name}", name, f"post{name}"):
        text = scripts.get(one, "")
        if words := said_by(text):
            return f"{words} (by {one!r} of package.json)"
        for inner in package_scripts(text) if deep else ():
            if inner != name and (words := said_by_package(inner, scripts, deep - 1)):
                return words
    return ""


def hazards_of(words: Sequence[str]) -> Iterator[Hazard]:
    """Yield one hazard for each of these words: outside `development: true` nothing helps against it."""
    for said in dict.fromkeys(one for one in words if one):
        yield Hazard(
            rule="loses-data",
            severity=Severity.STOP,
            why=f"a command that says {said}",
            safer="sql.delete_rows, sql.migrate; prisma.migrate_reset and prisma.db_push for development",
            allowed=True,
            final=True,
        )
