"""How a script starts an app anew from pm2's own definition of it, less some variables, and back. Decides nothing.

Facts (pm2 7.0.4, read and measured): `jlist` has the definition in `pm2_env`; `delete` ends each process in turn, after
`kill_timeout`; with `wait_ready`, `start` waits up to `listen_timeout`.
"""

from remediate.providers.pm2_host import PM2_BEGIN
from remediate.providers.pm2_starting import PM2_START

RECREATE_SCRIPT = (
    PM2_BEGIN
    + PM2_START
    + r"""
// Further arguments: the digest of the definition that the change was planned from, and the variables to leave out.
// `look` prints that digest. The definition as it was is what is kept.
const crypto = require('node:crypto')
const [planned, ...unwanted] = more

const SAME = ['name', 'namespace', 'args', 'node_args', 'interpreter_args', 'exec_mode', 'instances', 'watch',
  'ignore_watch', 'watch_delay', 'watch_options', 'autostart', 'autorestart', 'max_restarts', 'min_uptime',
  'restart_delay', 'exp_backoff_restart_delay', 'kill_timeout', 'kill_retry_time', 'listen_timeout', 'wait_ready',
  'max_memory_restart', 'cron_restart', 'time', 'log_date_format', 'log_type', 'disable_logs', 'source_map_support',
  'disable_source_map_support', 'treekill', 'stop_exit_codes', 'shutdown_with_message', 'vizion', 'uid', 'gid',
  'merge_logs', 'pmx', 'automation', 'filter_env', 'instance_var', 'increment_var', 'post_update', 'trace',
  'disable_trace', 'event_loop_inspector', 'deep_monitoring', 'io', 'port']

// pm2 writes the process's number into each of these names, and does so anew.
const log = (file, env, id) => (file && !env.merge_logs ? file.replace(`-${id}.log`, '.log') : file)

const definition = () => {
  const mine = list().filter((one) => one.name === app)
  if (!mine.length) return null
  const { pm_id: id, pm2_env: env } = mine[0]
  const { unique_id: _, ...variables } = env.env || {}
  const same = Object.fromEntries(SAME.filter((key) => env[key] !== undefined).map((key) => [key, env[key]]))
  const files = {
    out_file: log(env.pm_out_log_path, env, id), error_file: log(env.pm_err_log_path, env, id),
    log_file: log(env.pm_log_path, env, id), pid_file: env.pm_pid_path?.replace(`-${id}.pid`, '.pid'),
  }
  return {
    ...same, name: app, script: env.pm_exec_path, cwd: env.pm_cwd, interpreter: env.exec_interpreter,
    ...Object.fromEntries(Object.entries(files).filter(([, file]) => file)),
    env: variables, stopped: mine.every((one) => one.pm2_env.status === 'stopped'), instances: mine.length,
  }
}

// Slowly made of all that the app is given, so that nobody can try out values by it.
const digest = ({ script, cwd, env }) => crypto.scryptSync(
  JSON.stringify([script, cwd, Object.entries(env).map(([key, value]) => [key, String(value)]).sort()]), app, 16,
  { N: 2 ** 14, r: 8, p: 1, maxmem: 64 * 2 ** 20 },
).toString('hex')

// An app may take its time to end, and to say that it is ready.
const stopping = ({ kill_timeout: each, instances }) => 15000 + (each || 1600) * instances
const starting = ({ wait_ready: waits, listen_timeout: each, instances }) =>
  20000 + (waits ? (each || 3000) * instances : 0)

const gone = (one) => {
  const ids = processes().map((other) => String(other.id))
  const options = { timeout: stopping(one), killSignal: 'SIGKILL', stdio: 'ignore' }
  if (ids.length) execFileSync('pm2', ['delete', ...ids], options)
}

const without = (env, keys) => Object.fromEntries(Object.entries(env).filter(([key]) => !keys.includes(key)))

const recreate = () => {
  const before = definition()
  if (!before) fail(4, `pm2 knows no app called ${app}`)
  if (digest(before) !== planned) fail(9, `${app} was given another environment since`)
  keep({ before, unwanted })
  gone(before)
  start({ ...before, env: without(before.env, unwanted) }, starting(before))
  settle(Number(wish) + starting(before) / 1000 - 20)
}

// What pm2 adds of its own is no change of somebody else's.
const isOurs = (now, { before, unwanted: left }) =>
  Object.entries(without(before.env, left)).every(([key, value]) => String(now.env[key]) === String(value)) &&
  !left.some((key) => key in now.env)

const putBack = () => {
  const now = definition()
  const isBack = now && digest(now) === planned
  if (!fs.existsSync(kept)) return isBack || fail(8, `the definition of ${app} is not in ${kept} any more`)
  const was = JSON.parse(fs.readFileSync(kept, 'utf8'))
  const { before } = was
  if (before.name !== app) fail(8, `${kept} is of another app`)
  if (now && !isBack && !isOurs(now, was)) fail(9, `${app} was given another environment since`)
  if (!isBack) {
    gone(before)
    start(before, starting(before))
  }
  if (before.stopped) pm2('stop', ...processes().map((one) => String(one.id)))
  fs.rmSync(kept)
}

if (verb === 'look') {
  const now = definition()
  console.log(JSON.stringify({ daemon: true, digest: now ? digest(now) : '' }))
}
if (verb === 'recreate') recreate()
if (verb === 'put-back') putBack()
NODE
"""
)
