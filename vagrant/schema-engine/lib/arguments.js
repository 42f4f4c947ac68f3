// The command line of the native schema engine, as far as the Prisma CLI uses it.

const COMMANDS = ['can-connect-to-database', 'create-database', 'drop-database']
const WITH_UNUSED_VALUE = ['--enabled-preview-features', '--extension-types']

/** Reads the arguments: the schema files, the database URL (or undefined), a `cli` command, `version`. */
export function readArguments(argv) {
  const wanted = { schemaFiles: [], datasource: undefined, command: undefined, version: false }
  const rest = [...argv]
  while (rest.length > 0) {
    const argument = rest.shift()
    if (argument === '--version' || argument === '-V') wanted.version = true
    else if (argument === '--datamodels' || argument === '-d') wanted.schemaFiles.push(rest.shift())
    else if (argument === '--datasource') wanted.datasource = databaseUrl(rest.shift())
    else if (WITH_UNUSED_VALUE.includes(argument)) rest.shift()
    else if (COMMANDS.includes(argument)) wanted.command = argument
  }
  return wanted
}

// Either the URL itself or the JSON of the `datasource` block in prisma.config.ts.
function databaseUrl(text) {
  if (/^postgres(ql)?:/.test(text)) return text
  return JSON.parse(text).url || undefined
}
