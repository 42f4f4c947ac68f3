// `schema-engine cli can-connect-to-database | create-database | drop-database`: done here, without the engine.
import pg from 'pg'
import { readUrl } from './connection.js'
import { connectionError } from './errors.js'

// Given on the maintenance database: nobody can create or drop the one they are connected to.
const STATEMENTS = {
  'create-database': (database) => `CREATE DATABASE ${database}`,
  'drop-database': (database) => `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`,
}

/** @returns {Promise<number>} the exit code; the reason of a failure is on stderr, in the form the CLI parses */
export async function runDatabaseCommand(command, url) {
  let settings
  try {
    settings = readUrl(url).settings
  } catch (error) {
    return fail('P1013', `The provided database string is invalid. ${error.message}`)
  }
  try {
    await run(STATEMENTS[command], settings)
  } catch (error) {
    const { code, message } = connectionError(error, settings)
    return fail(code, message)
  }
  log('INFO', `${command}: done`)
  return 0
}

async function run(statement, settings) {
  const client = new pg.Client(statement ? { ...settings, database: 'postgres' } : settings)
  await client.connect()
  try {
    if (statement) await client.query(statement(pg.escapeIdentifier(settings.database)))
  } finally {
    await client.end()
  }
}

function fail(code, message) {
  log('INFO', 'Starting schema engine CLI') // the Prisma CLI throws the first line away
  log('ERROR', message, { error_code: code, is_panic: false })
  return 1
}

function log(level, message, more = {}) {
  const line = { timestamp: new Date().toISOString(), level, fields: { message, ...more }, target: 'schema_engine::logger' }
  process.stderr.write(`${JSON.stringify(line)}\n`)
}
