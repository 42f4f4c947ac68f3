"""The constant scripts that ask a host about an app's environment. No value is in what they print. They change nothing.

Facts (pm2 7.0.4, read and measured): in fork mode `/proc/PID/environ` is what dotenv finds set and therefore leaves
alone; in cluster mode all of it comes as one variable `pm2_env`, a JSON text, which the worker lays over its own;
`pm_uptime` is when it was started. `pm2 jlist` starts a daemon where none runs.
"""

from remediate.providers.pm2_host import PM2_RUNS

READ_SCRIPT = """
# Prints what came on stdin: a secret of the inventory, which is nowhere else but with the runner.
exec cat
"""
_MARK = r"""
const { createHmac, scryptSync } = require('node:crypto')
const fs = require('node:fs')
// The key is made of the whole file, slowly: who has not got the file cannot try out values. No file, no marks.
const keyOf = (file) => {
  let content = Buffer.alloc(0)
  try { content = fs.readFileSync(file) } catch (error) { if (error.code !== 'ENOENT') throw error }
  return content.length ? scryptSync(content, file, 32, { N: 2 ** 14, r: 8, p: 1, maxmem: 64 * 2 ** 20 }) : null
}
const marking = (file) => {
  const key = keyOf(file)
  return (value) => (key ? createHmac('sha256', key).update(value).digest('hex') : '')
}
"""
KEY_SCRIPT = f"""
# $1 the .env file's path. Prints the key of what is marked by it: worth as much as the file, and asked for no less.
command -v node >/dev/null || exit 5
NO_COLOR=1 exec node - "$1" <<'NODE'
{_MARK}
console.log(keyOf(process.argv[2])?.toString('hex') ?? '')
NODE
"""
_HELD = r"""
const path = require('node:path')
const { execFileSync } = require('node:child_process')
const real = (place) => { try { return fs.realpathSync(place) } catch { return path.resolve(place) } }
const homeOf = (own) => real(own.get('PM2_HOME') || `${process.env.HOME}/.pm2`)
const home = homeOf(new Map(Object.entries(process.env)))
const variables = (pid) => {
  try {
    const pairs = fs.readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter(Boolean)
    const own = new Map(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]))
    const handed = JSON.parse(own.get('pm2_env') || '{}')
    return new Map([...own, ...Object.entries(handed), ...Object.entries(handed.env || {})])
  } catch { return new Map() }
}
const parent = (pid) => {
  try { return /^PPid:\s*(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1] } catch { return '0' }
}
const isOne = (pid, own, app) =>
  own.get('name') === app && own.has('pm_id') && homeOf(own) === home &&
  String(variables(parent(pid)).get('pm_id')) !== String(own.get('pm_id'))
// A banner may stand before the list, and begins with a bracket, too.
const listed = () => {
  const stdio = ['ignore', 'pipe', 'ignore']
  const said = execFileSync('pm2', ['jlist'], { timeout: 15000, killSignal: 'SIGKILL', maxBuffer: 1 << 27, stdio })
  for (const line of said.toString().split('\n').reverse()) {
    try { const found = JSON.parse(line); if (Array.isArray(found)) return found } catch {}
  }
  throw new Error('pm2 jlist printed no list')
}
// The processes themselves tell, as far as this user may read them. Of an app that has none, or none to be read, pm2
// tells what it would start it with.
const holders = (app) => {
  const found = []
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const own = variables(pid)
    if (isOne(pid, own, app)) found.push({ pid: Number(pid), since: Number(own.get('pm_uptime') || 0), held: own })
  }
  if (found.length || process.env.PM2_RUNS !== 'yes') return found
  return listed().filter((one) => one.name === app)
    .map((one) => ({ pid: 0, since: 0, held: new Map(Object.entries(one.pm2_env.env || {})) }))
}
"""
_BEGIN = (
    PM2_RUNS
    + r"""
command -v node >/dev/null || exit 5
PM2_RUNS=
if runs; then command -v pm2 >/dev/null || exit 7; PM2_RUNS=yes; elif theirs "$3"; then PM2_RUNS=theirs; fi
export PM2_RUNS
"""
)
ENVIRON_SCRIPT = (
    """
# $1 `held`, $2 the app's exact name in pm2, $3 the backend's directory, $4 the .env file's path, then the names of
# variables. Prints as JSON which of them each of the app's processes was started with, and where a URL leads.
"""
    + _BEGIN
    + rf"""
NO_COLOR=1 exec node - "$@" <<'NODE'
{_MARK}
{_HELD}
const [, app, , file, ...names] = process.argv.slice(2)
const mark = marking(file)
const found = holders(app).map(({{ pid, since, held }}) => {{
  const set = names.filter((name) => held.has(name))
  return {{ pid, since, marks: Object.fromEntries(set.map((name) => [name, mark(String(held.get(name)))])) }}
}})
if (!found.length && process.env.PM2_RUNS === 'theirs') process.exit(8)
console.log(JSON.stringify(found))
NODE
"""
)
_KNOCK = r"""
const { createRequire } = require('node:module')
const here = createRequire(require('node:path').resolve('package.json'))
const LIMIT = 5000
const PATIENCE = 20000
const driver = () => {
  for (const from of [() => here, () => createRequire(here.resolve('@prisma/adapter-pg'))]) {
    try { return from()('pg') } catch (error) { if (error.code !== 'MODULE_NOT_FOUND') throw error }
  }
  process.exit(6)
}
const textOf = (file) => {
  try { return fs.readFileSync(file, 'utf8') } catch (error) {
    if (error.code === 'ENOENT') return ''
    throw error
  }
}
const unquoted = (text) => /^(['"`])([^]*)\1$/.exec(text)?.[2] ?? text
const encoded = (text) => text.replaceAll('#', '%23')
const counting = (text, name) => {
  try { return here('dotenv').parse(text)[name] } catch { return undefined }
}
// A line that was glued to another, a `#` that cuts a password: what somebody meant may be there all the same. What
// counts comes first, and then the last line before the first.
const meant = (text, name) => {
  const lines = text.replace(/^\ufeff/, '').replace(/\r\n?/g, '\n').split('\n').filter((line) => !/^\s*#/.test(line))
  const marker = new RegExp(`(?<![_.\\-?&])${name}=`)
  const found = []
  for (const line of lines) {
    for (const part of line.split(marker).slice(1)) {
      const whole = part.trim().replace(/\s*export$/, '')
      const quoted = /^(['"`])((?:\\\1|(?!\1)[^])*)\1/.exec(whole)
      if (quoted) found.unshift(quoted[2], encoded(quoted[2]))
      else found.unshift(unquoted(whole.replace(/#.*$/, '').trim()), encoded(whole.split(/\s/)[0]))
    }
  }
  return [counting(text, name), ...found].filter(Boolean)
}
// Where a URL leads and as whom: shown only where no piece of a password can have got into it.
const HOST = /(?:\[[\da-fA-F:]+\]|[\w.%-]+)(?::[1-9]\d*)?/.source
const PLAIN =
  new RegExp(`^postgres(?:ql)?://([\\w.%-]+)(?::[^@/?#\\s]*)?@(${HOST})(/[\\w.-]*)(?:\\?[^@#\\s]*)?$`)
const placeOf = (url, text) => {
  const goesOn = (line) => line.includes(url) && line.slice(line.indexOf(url) + url.length).includes('@')
  const cut = text.split('\n').some(goesOn)
  const parts = cut ? null : PLAIN.exec(url)
  return parts ? `${parts[1]}@${parts[2]}${parts[3]}` : ''
}
// The same, whole: two URLs that differ in anything but the password lead to different places.
const destination = (url) => {
  try {
    const parts = new URL(url)
    parts.password = ''
    parts.protocol = 'postgresql:'
    parts.port ||= '5432'
    parts.searchParams.delete('password')
    parts.searchParams.sort()
    return parts.href
  } catch { return url }
}
const knock = async (pg, url) => {
  if (!url) return 'EURL' // the driver would go where its defaults lead
  let client
  try {
    client = new pg.Client({ connectionString: url, connectionTimeoutMillis: LIMIT })
  } catch (error) { return 'EURL' }
  client.on('error', () => {})
  let timer
  const silence = new Promise((resolve) => { timer = setTimeout(resolve, LIMIT - 200, 'ESILENT') })
  const asked = client.connect().then(() => '', (error) => error.code || (client.ssl ? 'ETLS' : 'EOTHER'))
  const code = await Promise.race([asked, silence])
  clearTimeout(timer)
  client.end().catch(() => {})
  return code
}
// One after the other: each is a connection, and the database may have few left.
const knockAll = async (urls, mark, text) => {
  const pg = driver()
  const began = Date.now()
  const codes = new Map()
  for (const url of new Set(urls)) if (Date.now() - began < PATIENCE) codes.set(url, await knock(pg, url))
  const tried = [...codes].map(([url, code]) =>
    ({ mark: mark(url), code, place: placeOf(url, text), leads: mark(destination(url)) }))
  fs.writeSync(1, JSON.stringify(tried) + '\n')
  process.exit(0)
}
"""
DOOR_SCRIPT = rf"""
# $1 the backend's directory, $2 the .env file's path, $3 the variable, $4 `file` or `given`. Connects as the app would,
# by the driver it has, with every value that the file may mean by the variable, or with the one on stdin. Prints as
# JSON what came of each: its mark and the server's SQLSTATE or the system's error code. Asks no question there.
cd -- "$1" || exit 3
command -v node >/dev/null || exit 5
NO_COLOR=1 NODE_NO_WARNINGS=1 exec node -e "$(cat <<'NODE'
{_MARK}
{_KNOCK}
const [, file, name, source] = process.argv.slice(1)
const text = textOf(file)
const values = source === 'given' ? [fs.readFileSync(0, 'utf8').replace(/\n$/, '')] : meant(text, name)
knockAll(values, marking(file), text)
NODE
)" "$@"
"""
HELD_DOOR_SCRIPT = (
    """
# $1 `held`, $2 the app's exact name in pm2, $3 the backend's directory, $4 the .env file's path, then the names of
# variables. Connects with every database URL that the file may mean by one of them, and with every one that pm2 holds.
"""
    + _BEGIN
    + rf"""
cd -- "$3" || exit 3
NO_COLOR=1 NODE_NO_WARNINGS=1 exec node -e "$(cat <<'NODE'
{_MARK}
{_HELD}
{_KNOCK}
const [, app, , file, ...names] = process.argv.slice(1)
const text = textOf(file)
const isUrl = (value) => /^postgres(ql)?:/.test(value)
const held = holders(app).map((one) => one.held)
const urls = names.flatMap((name) => {{
  const kept = held.filter((one) => one.has(name)).map((one) => String(one.get(name)))
  const [counts, ...others] = meant(text, name)
  const values = [counts, ...kept, ...others].filter((value) => value !== undefined)
  return values.some(isUrl) ? values : []
}})
if (urls.length) knockAll(urls, marking(file), text)
else console.log('[]')
NODE
)" "$@"
"""
)
NO_NODE, NO_DRIVER, NO_PM2 = 5, 6, 7
