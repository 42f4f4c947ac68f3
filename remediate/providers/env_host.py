"""What is asked of a host about an app's environment, as constant scripts and their answers as values. Judges nothing.

No value leaves the host through these scripts, but for a secret that the inventory sent there: values are told by
their keyed fingerprints. Facts (pm2 7.0.4, node-postgres 8, measured): pm2 starts a process with everything it holds,
so /proc/PID/environ is what dotenv finds set and therefore leaves alone; `pm_uptime` in it is when it was started.
"""

import hashlib
import hmac
import re
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

from pydantic import TypeAdapter, ValidationError

from remediate.errors import CouldNotLook
from remediate.questions import Answers, Run, RunAnswer, Value

T = TypeVar("T")
READ_SCRIPT = """
# Prints what came on stdin: a secret of the inventory, which is nowhere else but with the runner.
exec cat
"""
KEY_SCRIPT = r"""
# Prints a key that only this host can make: what it marks says nothing to whoever reads a plan or the audit log.
# machine-id(5): the machine's identity is confidential, so a hash of it stands for it.
{ echo 'remediate: the key of fingerprints'; cat /etc/machine-id 2>/dev/null || cat /proc/sys/kernel/random/boot_id; } |
    sha256sum
"""
_MARK = r"""
const { createHmac, createHash } = require('node:crypto')
const fs = require('node:fs')
const machine = ['/etc/machine-id', '/proc/sys/kernel/random/boot_id'].find((path) => fs.existsSync(path))
const key = createHash('sha256').update('remediate: the key of fingerprints\n')
  .update(fs.readFileSync(machine)).digest('hex')
const mark = (value) => createHmac('sha256', key).update(value).digest('hex')
"""
ENVIRON_SCRIPT = rf"""
# $1 the app's exact name in pm2, then the names of variables. Prints as JSON which of them each of the app's processes
# was started with. Asks no pm2: the processes themselves tell, as far as this user may read them.
command -v node >/dev/null || exit 5
NO_COLOR=1 exec node - "$@" <<'NODE'
{_MARK}
const [app, ...names] = process.argv.slice(2)
const home = process.env.PM2_HOME || `${{process.env.HOME}}/.pm2`
const variables = (pid) => {{
  try {{
    const pairs = fs.readFileSync(`/proc/${{pid}}/environ`, 'utf8').split('\0').filter(Boolean)
    return new Map(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]))
  }} catch {{ return new Map() }}
}}
// In cluster mode pm2 hands the environment over as one variable, and sets it from within the process.
const handed = (own) => {{
  try {{ return Object.entries(JSON.parse(own.get('pm2_env') || '{{}}').env || {{}}) }} catch {{ return [] }}
}}
const parent = (pid) => {{
  try {{ return /^PPid:\s*(\d+)/m.exec(fs.readFileSync(`/proc/${{pid}}/status`, 'utf8'))[1] }} catch {{ return '0' }}
}}
const found = []
for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {{
  const own = variables(pid)
  if (own.get('name') !== app || !own.has('pm_id') || (own.get('PM2_HOME') || home) !== home) continue
  if (variables(parent(pid)).get('pm_id') === own.get('pm_id')) continue
  const held = new Map([...own, ...handed(own)])
  const set = names.filter((name) => held.has(name))
  const marks = Object.fromEntries(set.map((name) => [name, mark(String(held.get(name)))]))
  found.push({{ pid: Number(pid), since: Number(own.get('pm_uptime') || 0), marks }})
}}
console.log(JSON.stringify(found))
NODE
"""
DOOR_SCRIPT = rf"""
# $1 the backend's directory, $2 the .env file's path, $3 the variable, $4 `file`, `given` or `literal`. Connects as the
# app would, by the driver it has, with every value that the file may mean by the variable, or with the one on stdin,
# or with $5. Prints as JSON what came of each: its fingerprint and the server's SQLSTATE or the system's error code.
# Asks no question there.
cd -- "$1" || exit 3
command -v node >/dev/null || exit 5
NO_COLOR=1 NODE_NO_WARNINGS=1 exec node -e "$(cat <<'NODE'
{_MARK}
const {{ createRequire }} = require('node:module')
const path = require('node:path')
const [, file, name, source, literal] = process.argv.slice(1)
const LIMIT = 5000
const here = createRequire(path.resolve('package.json'))
const driver = () => {{
  for (const from of [() => here, () => createRequire(here.resolve('@prisma/adapter-pg'))]) {{
    try {{ return from()('pg') }} catch (error) {{ if (error.code !== 'MODULE_NOT_FOUND') throw error }}
  }}
  process.exit(6)
}}
const unquoted = (text) => /^(['"`])([^]*)\1$/.exec(text)?.[2] ?? text
// A line that was glued to another, a `#` that cuts a password: what somebody meant may be there all the same.
const meant = (text) => {{
  const lines = text.replace(/^\ufeff/, '').replace(/\r\n?/g, '\n').split('\n').filter((line) => !/^\s*#/.test(line))
  const marker = `${{name}}=`
  const found = []
  for (const line of lines) {{
    for (const part of line.split(marker).slice(line.includes(marker) ? 1 : Infinity)) {{
      const whole = part.trim().replace(/\s*export$/, '')
      const quoted = /^(['"`])((?:\\\1|(?!\1)[^])*)\1/.exec(whole)
      if (quoted) found.push(quoted[2])
      else found.push(unquoted(whole.replace(/#.*$/, '').trim()), whole.split(/\s/)[0].replaceAll('#', '%23'))
    }}
  }}
  return found
}}
const counting = (text) => {{
  try {{ return here('dotenv').parse(text)[name] }} catch {{ return undefined }}
}}
const values = () => {{
  if (source === 'literal') return [literal]
  if (source === 'given') return [fs.readFileSync(0, 'utf8').replace(/\n$/, '')]
  try {{
    const text = fs.readFileSync(file, 'utf8')
    return [counting(text), ...meant(text)]
  }} catch (error) {{
    if (error.code === 'ENOENT') return []
    throw error
  }}
}}
const knock = async (pg, url) => {{
  let client
  try {{
    client = new pg.Client({{ connectionString: url, connectionTimeoutMillis: LIMIT }})
  }} catch (error) {{ return 'EURL' }}
  client.on('error', () => {{}})
  let timer
  const silence = new Promise((resolve) => {{ timer = setTimeout(resolve, LIMIT - 200, 'ESILENT') }})
  const asked = client.connect().then(() => '', (error) => error.code || (client.ssl ? 'ETLS' : 'EOTHER'))
  const code = await Promise.race([asked, silence])
  clearTimeout(timer)
  client.end().catch(() => {{}})
  return code
}}
const main = async () => {{
  const pg = driver()
  const urls = [...new Set(values())].filter(Boolean)
  const tried = await Promise.all(urls.map(async (url) => ({{ mark: mark(url), code: await knock(pg, url) }})))
  fs.writeSync(1, JSON.stringify(tried) + '\n')
  process.exit(0)
}}
main()
NODE
)" "$@"
"""
NO_NODE, NO_DRIVER = 5, 6
SHOWN = 8
"""Hexadecimal digits of a fingerprint that are shown."""


class Started(Value):
    """One process of the app, with what it was started with.

    Attributes:
        pid: Its number.
        since: When pm2 started it, milliseconds since the epoch.
        marks: Variables that were set from the beginning, each with its value's fingerprint.
    """

    pid: int
    since: float
    marks: dict[str, str]


class Tried(Value):
    """What came of connecting with one value.

    Attributes:
        mark: The value's fingerprint.
        code: Empty where the server let it in; else an SQLSTATE, an error code of the system, or one of our own:
            EURL (cannot be read as a URL), ESILENT (no answer within 5 s), ETLS (no agreement about TLS), EOTHER.
    """

    mark: str
    code: str


_STARTED, _TRIED = TypeAdapter(tuple[Started, ...]), TypeAdapter(tuple[Tried, ...])


def secret_question(name: str) -> Run:
    """Return the question for a secret's value; nothing in it or about it is secret but the answer."""
    return Run(script=READ_SCRIPT, secret=name)


def key_question() -> Run:
    """Return the question for the host's key of fingerprints."""
    return Run(script=KEY_SCRIPT)


def environ_question(app: str, names: tuple[str, ...]) -> Run:
    """Return the question what the app's processes were started with."""
    return Run(script=ENVIRON_SCRIPT, args=(app, *names), about=(f"process:{app}",))


def door_question(backend: str, path: str, name: str) -> Run:
    """Return the question whether the database lets in whoever has the values that a file may mean by a variable."""
    return Run(script=DOOR_SCRIPT, args=(backend, path, name, "file"), about=(f"file:{path}",))


def given_door_question(backend: str, path: str, name: str, secret: str) -> Run:
    """Return the same question for a secret of the inventory."""
    return Run(script=DOOR_SCRIPT, args=(backend, path, name, "given"), secret=secret)


def literal_door_question(backend: str, path: str, name: str, value: str) -> Run:
    """Return the same question for a value that may be seen by anybody."""
    return Run(script=DOOR_SCRIPT, args=(backend, path, name, "literal", value))


def read_secret(answers: Answers, name: str) -> str | None:
    """Return a secret's value, or None where the inventory has none of that name."""
    try:
        return answers[secret_question(name)].stdout.decode("utf-8", "replace").removesuffix("\n")
    except CouldNotLook:
        return None


def read_started(answer: RunAnswer) -> tuple[Started, ...]:
    """Return the processes.

    Raises:
        CouldNotLook: They could not be asked.
    """
    return _read(_STARTED, answer, "the processes' environment")


def read_tried(answer: RunAnswer) -> dict[str, str]:
    """Return what came of each value: fingerprint -> code.

    Raises:
        CouldNotLook: Nothing could be tried.
    """
    if answer.exit_code == NO_DRIVER:
        raise CouldNotLook(
            "database", "the backend has no `pg` to connect with", "install what package.json names"
        )
    return {one.mark: one.code for one in _read(_TRIED, answer, "the database")}


def _read(shape: TypeAdapter[T], answer: RunAnswer, what: str) -> T:
    if answer.exit_code == NO_NODE:
        raise CouldNotLook(
            what, "there is no node on the host's PATH", "set `env: {PATH: …}` in the inventory"
        )
    try:
        return shape.validate_json(answer.text.strip().rpartition("\n")[2])
    except ValidationError as error:
        raise CouldNotLook(
            what, f"could not be asked: exit code {answer.exit_code}", "try node there"
        ) from error


def mark_of(answers: Answers, value: str) -> str:
    """Return a value's fingerprint, HMAC-SHA256 (RFC 2104) under the host's key, in hex."""
    key = answers[key_question()].text.split()[0]
    return hmac.new(key.encode(), value.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()


def shown(answers: Answers, value: str) -> str:
    """Return a value as a person may see it: a fingerprint, and of a database URL where it leads and as whom."""
    whole = f"•{mark_of(answers, value)[:SHOWN]}"
    parts = _url(value)
    if parts is None:
        return whole
    password = f":•{mark_of(answers, parts.password)[:SHOWN]}" if parts.password else ""
    place = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{parts.username}{password}@{place}{parts.path} ({whole})"


def place_of(value: str) -> str:
    """Return where a database URL leads and as whom, without any secret; empty where that cannot be told apart."""
    parts = _url(value)
    return f"{parts.username}@{parts.netloc.rpartition('@')[2]}{parts.path}" if parts else ""


def _url(value: str) -> SplitResult | None:
    """Return a URL's parts, where no part of a password can have got into what is shown of it."""
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return None
    plain = re.fullmatch(r"[\w.%-]+", parts.username or "") and re.fullmatch(r"/[\w.-]*", parts.path)
    place = re.fullmatch(r"(\[[\da-fA-F:]+\]|[\w.%-]+)(:\d+)?", parts.netloc.rpartition("@")[2])
    is_one = parts.scheme in ("postgres", "postgresql") and "@" in parts.netloc and port != 0
    return parts if plain and place and is_one else None
