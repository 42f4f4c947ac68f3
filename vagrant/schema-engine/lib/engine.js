// Loads the WebAssembly build of the schema engine. What it is told to do is protocol.js's business.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils'
import * as glue from '@prisma/schema-engine-wasm/schema_engine_bg'
import { AdapterFactory } from './adapter.js'

const home = dirname(createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm'))

// The engine insists on an adapter even for questions that need no database.
const NO_DATABASE = 'postgresql://nobody@127.0.0.1:1/none'

/** The commit the engine was built from: `prisma version` prints it beside its own. */
export function engineCommit() {
  const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
  return version.replace(/^.*\./, '')
}

/** An engine that knows the schema files and speaks to the database at `url`. */
export async function startEngine(schemaFiles, url) {
  const module = new WebAssembly.Module(readFileSync(join(home, 'schema_engine_bg.wasm')))
  const instance = new WebAssembly.Instance(module, { './schema_engine_bg.js': glue })
  glue.__wbg_set_wasm(instance.exports)
  instance.exports.__wbindgen_start()

  const datamodels = schemaFiles.map((file) => [file, readFileSync(file, 'utf8')])
  const factory = bindMigrationAwareSqlAdapterFactory(new AdapterFactory(url ?? NO_DATABASE))
  const ignoreLog = () => {}
  return glue.SchemaEngine.new({ datamodels: datamodels.length > 0 ? datamodels : undefined }, ignoreLog, factory)
}
