import { nodeOf } from '@larder/dev-servers'
import { servers } from '@larder/dev-servers/vitest'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { ROOT } from '../support/compile.js'

const PROGRAMS = ['client.mjs', 'storages.mjs'].map((name) => join(ROOT, 'test', 'node-versions', name))

/** What the packages say in `engines`, and what is current since. The rest of the suite runs on one of them. */
test.each([20, 22, 24])(
  'the packages as they are built work on Node %d',
  async (major) => {
    const node = await nodeOf(major)
    const version = await promisify(execFile)(node, ['--version'])
    expect(version.stdout).toMatch(new RegExp(`^v${major}\\.`))
    const env = { ...process.env, MEMCACHE_SERVERS: servers.memcached.servers }
    // A test that fails ends it with an error, which shows what was told.
    const { stdout } = await promisify(execFile)(node, ['--test', '--test-reporter=tap', ...PROGRAMS], {
      env,
    })
    expect(stdout).toMatch(/^# fail 0$/m)
    expect(Number(/^# pass (?<count>\d+)$/m.exec(stdout)?.groups?.['count'])).toBeGreaterThan(100)
  },
  180_000,
)
