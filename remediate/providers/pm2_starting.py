"""How a script starts one app of pm2 from its definition, and keeps what its way back needs. Decides nothing itself.

Facts (pm2 7.0.4, measured): `pm2 start FILE` starts every app that the file names, and `--only` splits its argument at
commas and spaces, so of an app `web worker` it would start `web` as well. A definition on stdin is one app.
"""

PM2_START = r"""
// A further argument: this change's own name. What its way back needs stays in PM2_HOME under that name, for its owner
// only, until it was put back.
const path = require('node:path')
const [name, ...more] = process.argv.slice(6)
const home = process.env.PM2_HOME || path.join(process.env.HOME, '.pm2')
const kept = path.join(home, `remediate-${name}.json`)

const keep = (what) => {
  const file = fs.openSync(`${kept}.new`, 'w', 0o600)
  fs.writeSync(file, JSON.stringify(what))
  fs.fsyncSync(file)
  fs.closeSync(file)
  fs.renameSync(`${kept}.new`, kept)
}

const remove = () => {
  const ids = processes().map((one) => String(one.id))
  if (ids.length) pm2('delete', ...ids)
}

// Through stdin: an argument would show the variables to everybody on the host.
const start = ({ stopped: _, ...wanted }, timeout = 20000) => {
  const bare = ['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'PM2_HOME'].filter((key) => process.env[key])
  const env = Object.fromEntries(bare.map((key) => [key, process.env[key]]))
  const stdio = ['pipe', 'ignore', 'ignore']
  const input = JSON.stringify({ apps: [wanted] })
  execFileSync('pm2', ['start', '-'], { input, env, timeout, killSignal: 'SIGKILL', stdio })
}

const settle = (seconds) => {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; wait(200)) {
    const now = processes()
    if (now.some(dies([]))) break
    if (!now.length || !now.every(lives([]))) continue
    wait(1000)
    if (same(now, processes())) return
  }
  const last = processes().map((one) => Buffer.from(tail(one.error, 4096).tail, 'base64').toString())
  fail(7, last.map((text) => text.split('\n').slice(-20).join('\n')).join('\n'))
}

"""
"""Goes after `PM2_BEGIN` or `PM2_VERBS`."""
