// PostgreSQL's and the network's errors as the codes and sentences of Prisma's native engine.

const UNREACHABLE = [
  'ECONNREFUSED', 'ECONNRESET', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EPIPE', 'ETIMEDOUT',
]

/** A failed connection: `{code, message}`, with Prisma's code where there is one. */
export function connectionError(error, settings) {
  const server = `${settings.host}:${settings.port}`
  const unreachable = {
    code: 'P1001',
    message: `Can't reach database server at \`${server}\`\n\nPlease make sure your database server is running at \`${server}\`.`,
  }
  if (UNREACHABLE.includes(error.code)) return unreachable
  if (error.code === '28P01' || error.code === '28000') {
    return {
      code: 'P1000',
      message:
        `Authentication failed against database server, the provided database credentials for \`${settings.user}\` are not valid.\n\n` +
        `Please make sure to provide valid database credentials for the database server at \`${settings.host}\`.`,
    }
  }
  if (error.code === '3D000') return { code: 'P1003', message: `Database \`${settings.database}\` does not exist` }
  if (error.code === '42P04') return { code: 'P1009', message: `Database \`${settings.database}\` already exists` }
  // `pg` gives these two no code.
  if (/does not support SSL/i.test(error.message)) {
    return { code: 'P1011', message: `Error opening a TLS connection: ${error.message}` }
  }
  if (/timeout|terminated/i.test(error.message)) return unreachable
  return { code: error.code, message: error.message }
}

let lastDatabaseError

export function rememberDatabaseError(error) {
  lastDatabaseError = error
}

/** An error of the engine, as `{code, message, meta}`. */
export function engineError(error) {
  return failedMigration(error) ?? {
    code: error.code ?? error.error_code,
    message: error.message ?? String(error),
    meta: error.meta ?? null,
  }
}

// The native engine says P3018, the migration and PostgreSQL's own words; the WebAssembly build leaves them out.
// This wording is ours, after the native engine's; everything else here is passed on as it comes.
function failedMigration(error) {
  const migration = /apply_script[\s\S]*?with migration_name="([^"]+)"/.exec(error.message ?? '')?.[1]
  if (!migration || !lastDatabaseError) return undefined
  const { code, severity, message } = lastDatabaseError
  return {
    code: 'P3018',
    message:
      'A migration failed to apply. New migrations cannot be applied before the error is recovered from. ' +
      'Read more about how to resolve migration issues in a production database: https://pris.ly/d/migrate-resolve\n\n' +
      `Migration name: ${migration}\n\nDatabase error code: ${code}\n\nDatabase error:\n${severity}: ${message}`,
    meta: null,
  }
}
