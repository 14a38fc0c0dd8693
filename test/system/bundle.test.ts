import { servers } from '@larder/dev-servers/vitest'
import * as esbuild from 'esbuild'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const PROGRAM = `
import { MemcacheStorage } from '@larder/storage-memcache'
import { SqlStorage } from '@larder/storage-sql'

await using database = await SqlStorage.open({ url: process.env.DATABASE_URL })
await using storage = new MemcacheStorage({ servers: process.env.MEMCACHE_SERVERS, storage: database, keyPrefix: 'bundle:' })
const info = storage.info('pages', 'home')
await storage.putContent(info, 'Hello')
console.log(String((await storage.getContent(info)).bytes))
await storage.remove(info)
await storage.getContent(info).catch((error) => console.log(error.name, error.code))
`

/** Packages with native code, and those that TypeORM names without needing them. */
const EXTERNAL = ['better-sqlite3', 'pg-native', 'libsql']

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'larder-bundle-'))
  await esbuild.build({
    stdin: { contents: PROGRAM, resolveDir: ROOT, sourcefile: 'program.mjs' },
    outfile: join(folder, 'bundle.mjs'),
    // Modules in CommonJS, such as pg, need a `require` in a bundle of ES modules.
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
    ...{ bundle: true, minify: true, platform: 'node', format: 'esm', target: 'node20', logLevel: 'silent' },
    external: EXTERNAL,
    plugins: [
      {
        name: 'missing-drivers-of-typeorm',
        setup: (build) => {
          build.onResolve({ filter: /^[\w@]/ }, async ({ path, pluginData, ...options }) => {
            if (pluginData === 'asked' || options.kind === 'entry-point') return undefined
            const found = await build.resolve(path, { ...options, pluginData: 'asked' })
            return found.errors.length > 0 ? { path, external: true } : undefined
          })
        },
      },
    ],
  })
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test.each(['postgres', 'mariadb'] as const)(
  'a minified bundle of a program finds the driver of %s, and errors keep their names',
  async (name) => {
    const database = await servers[name].createDatabase()
    try {
      const env = { DATABASE_URL: database.url, MEMCACHE_SERVERS: servers.memcached.servers }
      const { stdout, stderr } = await run(process.execPath, [join(folder, 'bundle.mjs')], {
        env,
        cwd: folder,
      })
      expect({ stdout, stderr }).toEqual({ stdout: 'Hello\nNotFoundError E_NOT_FOUND\n', stderr: '' })
    } finally {
      await database.drop()
    }
  },
)
