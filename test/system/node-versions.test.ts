import { nodeOf } from '@larder/dev-servers'
import { servers } from '@larder/dev-servers/vitest'
import { execFile } from 'node:child_process'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ROOT } from '../support/compile.js'

const PROGRAMS = ['client.mjs', 'storages.mjs'].map((name) => join(ROOT, 'test', 'node-versions', name))

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'larder-published-'))
  await promisify(execFile)(process.execPath, [join(ROOT, 'scripts', 'install-bundles.mjs'), folder])
  for (const program of PROGRAMS) await copyFile(program, join(folder, basename(program)))
})
afterAll(() => rm(folder, { recursive: true }))

/** What the packages say in `engines`, and what is current since. The rest of the suite runs on one of them. */
test.each([20, 22, 24])(
  'the packages as they are published work on Node %d',
  async (major) => {
    const node = await nodeOf(major)
    const version = await promisify(execFile)(node, ['--version'])
    expect(version.stdout).toMatch(new RegExp(`^v${major}\\.`))
    const env = { ...process.env, MEMCACHE_SERVERS: servers.memcached.servers }
    // A test that fails ends it with an error, which shows what was told.
    const programs = PROGRAMS.map((program) => join(folder, basename(program)))
    const { stdout } = await promisify(execFile)(node, ['--test', '--test-reporter=tap', ...programs], {
      env,
    })
    expect(stdout).toMatch(/^# fail 0$/m)
    expect(Number(/^# pass (?<count>\d+)$/m.exec(stdout)?.groups?.['count'])).toBeGreaterThan(100)
  },
  180_000,
)
