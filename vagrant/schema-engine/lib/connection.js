// A Prisma database URL as the settings of a `pg` connection.

/** @returns {{schema: string, settings: import('pg').ClientConfig}} */
export function readUrl(url, database) {
  const parsed = new URL(url)
  const option = (name) => parsed.searchParams.get(name)
  const schema = option('schema') ?? 'public'
  const encrypted = (option('sslmode') ?? 'disable') !== 'disable'
  return {
    schema,
    settings: {
      host: option('host') ?? decodeURIComponent(parsed.hostname),
      port: Number(parsed.port || 5432),
      user: decodeURIComponent(parsed.username),
      password: decodeURIComponent(parsed.password),
      database: database ?? (decodeURIComponent(parsed.pathname.slice(1)) || 'postgres'),
      ssl: encrypted ? { rejectUnauthorized: false } : undefined, // sslmode=require encrypts and trusts, as in libpq
      connectionTimeoutMillis: Number(option('connect_timeout') ?? 5) * 1000,
      options: schema === 'public' ? undefined : `-c search_path="${schema}"`,
    },
  }
}
