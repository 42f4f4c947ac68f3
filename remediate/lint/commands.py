"""Rules about what scripts call: programs that hang, download, reach too far, or have an action that does it better."""

import re
from collections.abc import Callable, Iterator

from remediate.lint.book import Book, Shell
from remediate.lint.examples import fixing, looking, script
from remediate.lint.rule import Flaw, Rule, Weight
from remediate.lint.shell_words import Call

_Judge = Callable[[Shell, Call], str]
"""What is wrong with a call, in a clause; nothing where all is well."""

_FULL_SCREEN = frozenset({"watch", "htop", "less", "more", "most", "vi", "vim", "nano"})
_LIVE = re.compile(r"(^|/)(dist|build|node_modules|\.next|out|\.prisma)(/|$)")
_BARE = re.compile(r"\$(\w+|\{\w+\})(/.*|\*)?")
CACHE = re.compile(r"(^|/)(node_modules|dist|build|out|\.next)/\.?cache(/|$)")
"""What can be made anew from the rest, though it lies within what the app is made of."""
_FETCH_OR_BECOME = frozenset({"npx", "bunx", "sudo", "doas", "su"})
_ECOSYSTEM = re.compile(r"ecosystem|\.config\.c?js$|\.(ya?ml|json)$")
_BY_PM2 = ("restart", "reload", "start", "stop", "startOrRestart", "startOrReload")


def each_call(judge: _Judge) -> Callable[[Book], Iterator[Flaw]]:
    """Return a look at every call of every script."""

    def look(book: Book) -> Iterator[Flaw]:
        calls = ((shell, call) for shell, call in book.calls() if not _only_tells(call))
        return (shell.at(call, what) for shell, call in calls if (what := judge(shell, call)))

    return look


def _only_tells(call: Call) -> bool:
    """Tell whether a program is only asked for its version or its help, and is there for sure."""
    asked = {"--version", "--help"} & set(call.words[1:]) or call.words == ("curl", "-V")
    return bool(asked) and not _FETCH_OR_BECOME & set(call.around)


def _hangs(_shell: Shell, call: Call) -> str:
    return "" if "timeout" in call.around else never_ends(call)


def never_ends(call: Call) -> str:
    """Return why a call would not end by itself; nothing where it would."""
    follows = call.program in {"tail", "journalctl"} and call.has("-f", "-F", "--follow")
    logs = call.is_a("pm2", "logs") or call.is_a("pm2", "log")
    remote = (
        call.program in {"docker", "kubectl"} and call.plain[:1] == ("logs",) and call.has("-f", "--follow")
    )
    if follows or remote or (logs and not call.has("--nostream")) or call.is_a("pm2", "monit"):
        return f"`{' '.join(call.words[:2])}` follows a log, and never ends"
    if call.program in _FULL_SCREEN or (call.program == "top" and not call.has("-b")):
        return f"`{call.program}` waits for a person at a terminal"
    if call.program == "ping" and not call.has("-c"):
        return "`ping` without -c never ends"
    return ""


def _downloads(_shell: Shell, call: Call) -> str:
    if {"npx", "bunx"} & set(call.around) and "--no-install" not in call.words:
        return "`npx` downloads what it does not find, in its newest version"
    fetched = [("npm", "exec"), ("pnpm", "dlx"), ("yarn", "dlx")]
    return next(
        (f"`{' '.join(one)}` downloads what it does not find" for one in fetched if call.is_a(*one)), ""
    )


def _installs(_shell: Shell, call: Call) -> str:
    verbs = ("install", "i", "add", "update", "upgrade")
    if call.program in {"npm", "pnpm", "yarn"} and call.plain[:1] and call.plain[0] in verbs:
        return (
            ""
            if call.has("--frozen-lockfile")
            else f"`{call.program} {call.plain[0]}` rewrites the lock file"
        )
    return ""


def _removes_live(_shell: Shell, call: Call) -> str:
    if call.program == "rm" and any(_is_live(word) for word in call.plain):
        return "removes what the running app is made of, before there is anything in its place"
    return ""


def _is_live(word: str) -> bool:
    return bool(_LIVE.search(word)) and not CACHE.search(word)


def _removes_variable(_shell: Shell, call: Call) -> str:
    bare = next((word for word in call.plain if _BARE.fullmatch(word)), "")
    if call.program == "rm" and call.has("-r", "-R", "--recursive") and bare and not _LIVE.search(bare):
        return f"removes `{bare}`, which is something else where the variable is empty"
    return ""


def _all_apps(_shell: Shell, call: Call) -> str:
    if call.program != "pm2" or not call.plain:
        return ""
    verb, *named = call.plain
    if verb in {"kill", "update"} or "all" in named:
        return f"`pm2 {' '.join(call.plain)}` means every app of this user"
    file = verb in _BY_PM2 and any(_ECOSYSTEM.search(word) for word in named)
    return (
        f"`pm2 {verb}` of a file without --only means every app in it"
        if file and not call.has("--only")
        else ""
    )


def _forgets(_shell: Shell, call: Call) -> str:
    gone = call.program == "pm2" and call.plain[:1] in {("delete",), ("del",)} and "all" not in call.plain
    return "`pm2 delete` forgets the app's environment, instances and counters" if gone else ""


def _saves(_shell: Shell, call: Call) -> str:
    saves = call.program == "pm2" and call.plain[:1] in {("save",), ("dump",)}
    return (
        "saves every app of the daemon as it is at this moment, before anything is verified" if saves else ""
    )


def _by_number(_shell: Shell, call: Call) -> str:
    if call.program == "pm2" and any(word.isdigit() for word in call.plain[1:2]) and call.plain[0] != "scale":
        return f"means the app by its number, {call.plain[1]}"
    return ""


def _drops(_shell: Shell, call: Call) -> str:
    if call.is_a("prisma", "migrate", "reset") or call.is_a("prisma", "migrate", "dev"):
        return f"`prisma migrate {call.plain[1]}` drops all that is in the database that DATABASE_URL means"
    if call.is_a("prisma", "db", "push") and call.has("--accept-data-loss", "--force-reset"):
        return "`prisma db push` is told to lose data"
    return "drops a database" if call.program == "dropdb" else ""


def _prisma_by_hand(_shell: Shell, call: Call) -> str:
    lossy = call.has("--accept-data-loss", "--force-reset")
    ways = [("migrate", "deploy"), ("generate",), ("db", "push")]
    told = next((" ".join(way) for way in ways if call.is_a("prisma", *way)), "")
    return f"`prisma {told}` is run where nobody plans it or puts it back" if told and not lossy else ""


def _pm2_by_hand(_shell: Shell, call: Call) -> str:
    whole = _all_apps(_shell, call) or _by_number(_shell, call)
    if call.program == "pm2" and call.plain[:1] and call.plain[0] in _BY_PM2 and not whole:
        return f"`pm2 {call.plain[0]}` exits 0 for an app that dies right after"
    return ""


def _builds_in_place(_shell: Shell, call: Call) -> str:
    by_npm = any(call.is_a(program, "run", "build") for program in ("npm", "pnpm", "yarn"))
    by_tsc = call.program == "tsc" and not call.has("--noEmit", "--showConfig", "--version", "-v")
    return "builds over the build that is running" if by_npm or by_tsc or call.is_a("yarn", "build") else ""


def _writes_environment(_shell: Shell, call: Call) -> str:
    written = any(
        op in {">", ">>", ">|"} and re.search(r"(^|/)\.env(\.\w+)?$", to) for op, to in call.redirects
    )
    edited = (call.program == "sed" and call.has("-i")) or call.program == "tee"
    if written or (edited and any(re.search(r"(^|/)\.env(\.\w+)?$", word) for word in call.plain)):
        return "writes .env as if it were plain lines"
    return ""


def _exports(shell: Shell, call: Call) -> str:
    if call.program != "export":
        return ""
    later = [one for one in shell.calls if one.start > call.start and one.program != "export"]
    if not later:
        return "the variable ends with this shell, and nothing comes after it"
    kept = all(one.program == "pm2" and not one.has("--update-env") for one in later)
    restarts = any(one.plain[:1] in {("restart",), ("reload",)} for one in later)
    return "`pm2 restart` keeps the environment that the app was started with" if kept and restarts else ""


def _becomes(_shell: Shell, call: Call) -> str:
    root = {"sudo", "doas", "su"} & {*call.around, call.program}
    return f"`{min(root)}` in a script" if root else ""


RULES: tuple[Rule[Book], ...] = (
    Rule(
        "RM301", "hangs", Weight.ERROR,
        "It never ends by itself (`pm2 logs | grep` ran until it was killed, measured): the step ends by its"
        " time limit,"
        " and says nothing.",
        "`pm2.log` looks at what is new; else `pm2 logs --nostream --lines 50`, `tail -n 50`, `top -b -n 1`.",
        looking("pm2 logs api --lines 10"), "diagnose:\n  - name: look\n    pm2.stable: {}\n", each_call(_hangs),
    ),
    Rule(
        "RM302", "npx", Weight.ERROR,
        "Without a local install `npx` fetches the newest major of whatever it was asked for, and runs it.",
        "Call `./node_modules/.bin/NAME`, which fails where it is not there, or use the action that is made for it.",
        looking("npx eslint --version"), looking("./node_modules/.bin/eslint --version"), each_call(_downloads),
    ),
    Rule(
        "RM303", "npm-install", Weight.ERROR,
        "`npm install` rewrites package-lock.json (measured), and what is installed is not what was tested.",
        "`node.ci: {packages: […]}` installs what package-lock.json says, aside, and swaps it in.",
        script("npm install left-pad"), fixing("node.ci: {packages: [left-pad]}"), each_call(_installs),
    ),
    Rule(
        "RM304", "removes-the-live-build", Weight.ERROR,
        "`rm -rf dist` on a running app is an outage if the build then fails, and there is nothing to go back to.",
        "`node.build` builds aside and swaps; `node.rebuild` makes it anew; `node.clean` moves caches aside.",
        script("rm -rf dist"), fixing("node.rebuild: {}"), each_call(_removes_live),
    ),
    Rule(
        "RM305", "removes-a-variable", Weight.ERROR,
        '`rm -rf "$DIR/cache"` with an empty DIR is `rm -rf /cache`.',
        "`${DIR:?}` refuses an empty one; `files.absent` moves one file aside and can put it back.",
        script('rm -rf "$1/cache"'), script('rm -rf "${1:?}/cache"'), each_call(_removes_variable),
    ),
    Rule(
        "RM306", "all-apps", Weight.ERROR,
        "`pm2 start ecosystem.config.js` starts every app in the file (measured), `all` means those of others, too.",
        "`pm2.start` starts this app alone, from its own entry of the file; by hand, `--only NAME`.",
        script("pm2 start ecosystem.config.js"), fixing("pm2.start: {file: ecosystem.config.js}"), each_call(_all_apps),
    ),
    Rule(
        "RM307", "pm2-delete", Weight.ERROR,
        "`pm2 delete` forgets environment, instances and counters; without `pm2 save` a boot brings the old list"
        " back.",
        "`pm2.recreate` starts the app anew from its saved definition, and puts that back where it has to.",
        script("pm2 delete api"), fixing("pm2.recreate: {keys: [PORT]}"), each_call(_forgets),
    ),
    Rule(
        "RM308", "pm2-save", Weight.ERROR,
        "`pm2 save` saves every app of the daemon, also one that somebody has stopped for a minute, into a file"
        " that all"
        " may read with its environment (measured), and does so before the cure has held.",
        "`pm2.save` saves this app alone, once the cure has held.",
        script("pm2 save"), fixing("pm2.save: {}"), each_call(_saves),
    ),
    Rule(
        "RM309", "pm2-by-number", Weight.WARNING,
        "Numbers of pm2 change with each delete and start (“id 0 not found”, measured).",
        "Name the app.",
        looking("pm2 describe 0"), looking("pm2 describe api"), each_call(_by_number),
    ),
    Rule(
        "RM310", "drops-the-database", Weight.ERROR,
        "`prisma migrate reset` drops everything, and the app's DATABASE_URL decides what; `db push` drops columns.",
        "`prisma.migrate_reset` and `prisma.db_push` keep what was there, and only where `development: true` is said;"
        " in production `prisma.migrate_deploy`.",
        script("./node_modules/.bin/prisma migrate reset --force"), fixing("prisma.migrate_deploy: {}"),
        each_call(_drops),
    ),
    Rule(
        "RM311", "prisma-by-hand", Weight.WARNING,
        "Run in a script, nobody sees beforehand what it does, and nothing puts it back; “no pending migrations”"
        " exits 0.",
        "`prisma.generate`, `prisma.migrate_deploy` and `prisma.db_push` are planned, compared and verified.",
        script("./node_modules/.bin/prisma generate"), fixing("prisma.generate: {}"), each_call(_prisma_by_hand),
    ),
    Rule(
        "RM312", "pm2-by-hand", Weight.WARNING,
        "pm2's exit code is no evidence (measured), `restart` keeps the old environment, and all is opaque in"
        " the plan.",
        "`pm2.restart`, `pm2.reload`, `pm2.start`, `pm2.stop`.",
        script("pm2 restart api"), fixing("pm2.restart: {}"), each_call(_pm2_by_hand),
    ),
    Rule(
        "RM313", "builds-in-place", Weight.WARNING,
        "While it is built, half of it is there; tsc emits even where it fails (measured), and the app may start"
        " from it.",
        "`node.build` builds aside, wants exit code 0, and swaps.",
        script("npm run build"), fixing("node.build: {}"), each_call(_builds_in_place),
    ),
    Rule(
        "RM314", "writes-env", Weight.ERROR,
        "`>> .env` without a final newline glued two lines into one broken URL (measured); dotenv cuts an"
        " unquoted `#`.",
        "`env.set`, `env.unset` and `env.mend` read and write the file as dotenv does.",
        script("echo PORT=3000 >> .env"), fixing('env.set: {key: PORT, value: "3000"}', "pm2.recreate: {keys: [PORT]}"),
        each_call(_writes_environment),
    ),
    Rule(
        "RM315", "export-ends", Weight.ERROR,
        "`export` dies with its shell, and `pm2 restart` without --update-env keeps the old environment: the app"
        " never sees it.",
        "`env.set`, then `pm2.recreate`.",
        script("export PORT=3000"), fixing('env.set: {key: PORT, value: "3000"}', "pm2.recreate: {keys: [PORT]}"),
        each_call(_exports),
    ),
    Rule(
        "RM316", "sudo", Weight.WARNING,
        "`sudo` asks for a password or runs as whom the inventory did not mean: pm2 as another user starts an empty"
        " daemon of its own (measured).",
        "Say `become:` in the inventory, and leave it out here.",
        looking("sudo systemctl is-active nginx"), looking("systemctl is-active nginx"), each_call(_becomes),
    ),
)  # fmt: skip
