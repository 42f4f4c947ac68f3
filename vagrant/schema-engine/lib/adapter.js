// Prisma's PostgreSQL driver adapter, put right where the schema engine needs more than the client does:
// one connection, whole scripts, and the catalog's own column types.
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { PrismaPg } from '@prisma/adapter-pg'
import { ColumnTypeEnum } from '@prisma/driver-adapter-utils'
import { readUrl } from './connection.js'
import { rememberDatabaseError } from './errors.js'

// Type numbers from pg_type, which never change (PostgreSQL manual, System Catalogs, pg_type).
const CHAR = 18
const NAME = 19
const TEXT = 25
const CHAR_ARRAY = 1002
const NAME_ARRAY = 1003
const TEXT_ARRAY = 1009

const READ_AS = { [CHAR]: TEXT, [NAME]: TEXT, [CHAR_ARRAY]: TEXT_ARRAY, [NAME_ARRAY]: TEXT_ARRAY }
const REPORT_AS = { [CHAR]: ColumnTypeEnum.Character, [CHAR_ARRAY]: ColumnTypeEnum.CharacterArray }

/** What the engine asks for connections: to the database itself, or to a throw-away one beside it. */
export class AdapterFactory {
  provider = 'postgres'
  adapterName = '@prisma/adapter-pg'

  constructor(url) {
    this.url = url
  }

  async connect() {
    const { adapter } = await open(this.url)
    return adapter
  }

  async connectToShadowDb() {
    const { adapter: main } = await open(this.url)
    const name = `prisma_migrate_shadow_db_${randomUUID()}`
    await main.executeScript(`CREATE DATABASE "${name}"`)
    const { adapter, pool } = await open(this.url, name)
    adapter.dispose = once(async () => {
      await pool.end()
      await main.executeScript(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`)
      await main.dispose()
    })
    return adapter
  }
}

// The engine disposes of an adapter more than once.
function once(action) {
  let done
  return () => (done ??= action())
}

async function open(url, database) {
  const { schema, settings } = readUrl(url, database)
  // One connection that stays, as the native engine has: BEGIN … COMMIT and advisory locks belong to a session.
  const pool = new pg.Pool({ ...settings, max: 1, idleTimeoutMillis: 0 })
  const adapter = await new PrismaPg(pool, { schema, disposeExternalPool: true }).connect()
  readCatalogTypes(adapter)
  sendScriptsWhole(adapter, pool)
  rememberErrors(adapter)
  return { adapter, pool }
}

// adapter-pg has no name for `name`, `"char"` and their arrays, which every question about the catalog answers with.
function readCatalogTypes(adapter) {
  let lastTypes = []
  const perform = adapter.performIO.bind(adapter)
  adapter.performIO = async (query) => {
    const answer = await perform(query)
    const result = Array.isArray(answer) ? answer.at(-1) : answer // several statements: the last one's
    lastTypes = result.fields.map((field) => field.dataTypeID)
    for (const field of result.fields) field.dataTypeID = READ_AS[field.dataTypeID] ?? field.dataTypeID
    return result
  }
  const queryRaw = adapter.queryRaw.bind(adapter)
  adapter.queryRaw = async (query) => {
    const rows = await queryRaw(query)
    rows.columnTypes = rows.columnTypes.map((type, index) => REPORT_AS[lastTypes[index]] ?? type)
    return rows
  }
}

// adapter-pg splits a script at `;` and spreads it over connections, so a failing migration stays half applied and
// a `DO $$ … $$` breaks. Sent whole it is one simple query, that is one transaction, as the native engine sends it.
function sendScriptsWhole(adapter, pool) {
  adapter.executeScript = async (script) => {
    try {
      await pool.query(script)
    } catch (error) {
      adapter.onError(error)
    }
  }
}

function rememberErrors(adapter) {
  const onError = adapter.onError.bind(adapter)
  adapter.onError = (error) => {
    rememberDatabaseError(error)
    onError(error)
  }
}
