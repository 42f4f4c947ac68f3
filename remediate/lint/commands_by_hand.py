"""Rules about what scripts do by hand that somebody can do better, or trust that nobody should. They run none of it."""

import re
from collections.abc import Iterator

from remediate.lint.book import Book, Shell, flaw_of
from remediate.lint.commands import CACHE, each_call
from remediate.lint.examples import fixing, looking, script, steps_of
from remediate.lint.rule import Flaw, Rule, Weight
from remediate.lint.shell_words import Call

_ENVIRONMENT = re.compile(r"(^|/)\.env(\.\w+)?$")
_SSH = frozenset({"ssh", "scp", "sftp", "rsync"})


def _edits(shell: Shell, call: Call) -> str:
    by_stream = call.program in {"sed", "perl", "awk", "ed"} and call.has("-i", "--in-place")
    if by_stream and not shell.looks and not any(_ENVIRONMENT.search(word) for word in call.plain):
        return f"`{call.program} -i` edits whatever it meets, once, often, or not at all"
    return ""


def _without_compiler(_shell: Shell, call: Call) -> str:
    installs = call.program in {"npm", "pnpm", "yarn"} and call.plain[:1] in {("ci",), ("install",), ("i",)}
    lean = call.has("--omit", "--production", "--prod") or "NODE_ENV=production" in call.given
    return "installs without what the build needs" if installs and lean else ""


def _trusts_anybody(_shell: Shell, call: Call) -> str:
    unchecked = call.program in _SSH and any(
        word.replace(" ", "").lower() in {"stricthostkeychecking=no", "userknownhostsfile=/dev/null"}
        or word.lower() == "-ostricthostkeychecking=no"
        for word in call.words
    )
    insecure = call.program == "curl" and call.has("-k", "--insecure")
    if unchecked or insecure or (call.program == "wget" and call.has("--no-check-certificate")):
        return f"`{call.program}` is told to trust whoever answers"
    return ""


def _validates_only(book: Book) -> Iterator[Flaw]:
    told = "says whether the schema file is well written, and nothing of the client that was made from it"
    yield from (shell.at(call, told) for shell, call in book.calls() if call.is_a("prisma", "validate"))
    kinds = {step.kind for step in book.steps}
    if "prisma.generate" in kinds and "prisma.client" not in kinds:
        yield from (flaw_of(step, told) for step in book.looks if step.kind == "prisma.valid")


def _removes_cache(_shell: Shell, call: Call) -> str:
    cache = next((word for word in call.plain if CACHE.search(word)), "")
    return f"removes `{cache}` for good" if call.program == "rm" and cache else ""


_GENERATE = fixing("prisma.generate: {}")

RULES: tuple[Rule[Book], ...] = (
    Rule(
        "RM351", "edits-by-sed", Weight.WARNING,
        "“Change line 1” is right until somebody adds a line; sed exits 0 where it met nothing, and a JSON file"
        " has comments"
        " and quotes of its own.",
        "`files.replace` wants exactly one match, shows the diff and puts it back; `files.json_set` knows JSON.",
        script("sed -i s/info/debug/ logger.conf"),
        fixing("files.replace: {path: logger.conf, find: info, replace_with: debug}"),
        each_call(_edits),
    ),
    Rule(
        "RM352", "installs-without-the-compiler", Weight.WARNING,
        "`NODE_ENV=production npm install` removed tsc (measured): the next build fails.",
        "`node.ci` installs what package-lock.json says, devDependencies among them.",
        script("npm ci --omit=dev"), fixing("node.ci: {packages: [typescript]}"), each_call(_without_compiler),
    ),
    Rule(
        "RM353", "trusts-anybody", Weight.ERROR,
        "Without a host key or certificate that is checked, nobody knows who answers, or reads along.",
        "Record the key or the authority once, and let it be checked.",
        looking("curl -s -m 5 -f -k https://localhost/health"), looking("curl -s -m 5 -f https://localhost/health"),
        each_call(_trusts_anybody),
    ),
    Rule(
        "RM354", "validates-the-schema-only", Weight.WARNING,
        "`prisma validate` checks schema.prisma itself, not whether the client or the database is made from it.",
        "`prisma.client` compares the client with the schema, `prisma.columns` the database.",
        steps_of("diagnose", "prisma.valid: {}") + _GENERATE, steps_of("diagnose", "prisma.client: {}") + _GENERATE,
        _validates_only,
    ),
    Rule(
        "RM355", "removes-a-cache", Weight.NOTE,
        "A cache is made anew, but a free command is opaque in the plan, and its size is told by nobody.",
        "`node.clean` knows the caches, tells their size, and moves them aside.",
        script("rm -rf node_modules/.cache"), fixing("node.clean: {}"), each_call(_removes_cache),
    ),
)  # fmt: skip
