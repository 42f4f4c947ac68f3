// The native engine's protocol: one JSON-RPC message a line, requests on stdin, answers on stdout, one at a time.
import { createInterface } from 'node:readline'
import { startEngine } from './engine.js'
import { engineError } from './errors.js'

const METHODS = { getDatabaseVersion: 'version' } // the rest have the same name in the WebAssembly build
const USER_FACING_ERROR = 4466 // JSON-RPC code of the native engine

/** Answers requests until the CLI closes `input`. */
export function serve({ schemaFiles, datasource }, input, output) {
  const send = (message) => output.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  let engine
  const answer = async ({ id, method, params }) => {
    try {
      engine ??= await startEngine(schemaFiles, datasource ?? urlIn(params))
      const result = await call(engine, method, params)
      send({ id, result: method === 'diff' ? printed(result, send) : (result ?? {}) })
    } catch (error) {
      send({ id, error: refusal(engineError(error)) })
    }
  }
  let queue = Promise.resolve()
  createInterface({ input, crlfDelay: Infinity })
    .on('line', (line) => {
      const message = line.trim() ? JSON.parse(line) : {}
      if (message.method) queue = queue.then(() => answer(message)) // without one it is the answer to our `print`
    })
    .on('close', () => queue.finally(() => process.exit(0))) // the pool would keep the process alive
}

function call(engine, method, params) {
  const name = METHODS[method] ?? method
  if (!engine[name]) throw new Error(`${method}: not in this build of the schema engine`)
  return engine[name](params)
}

// The native engine has the CLI print what `diff` found; the WebAssembly build hands the text back.
let printRequests = 0
function printed({ stdout, exitCode } = {}, send) {
  if (stdout != null) send({ id: ++printRequests, method: 'print', params: { content: stdout } })
  return { exitCode: exitCode ?? 0, stdout: null }
}

// Some requests name their database themselves.
function urlIn(params) {
  const places = [params?.from, params?.to, params?.datasourceType, params?.datasource]
  return places.find((place) => place?.url)?.url ?? params?.shadowDatabaseUrl ?? undefined
}

function refusal({ code, message, meta }) {
  const errorCode = typeof code === 'string' ? code : undefined
  return {
    code: USER_FACING_ERROR,
    message: 'An error happened. Check the data field for details.',
    data: { is_panic: false, message, meta, error_code: errorCode },
  }
}
