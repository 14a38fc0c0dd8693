import { servers } from '@larder/dev-servers/vitest'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { DATABASES, type Place } from './databases.js'

const LEASE_MS = 1_000

interface Said {
  readonly fencing?: number
  readonly outcome?: 'written' | 'refused'
  readonly wasLost?: boolean
}

async function said(holder: ChildProcess): Promise<Said> {
  const [message] = (await once(holder, 'message')) as [Said]
  return message
}

const KINDS: readonly (readonly [kind: 'memcache' | 'sql', database: string])[] = [
  ['memcache', 'PostgreSQL'],
  ['sql', 'PostgreSQL'],
  ['sql', 'MariaDB'],
  ['sql', 'SQLite'],
]

for (const [kind, database] of KINDS) {
  describe(`${kind === 'memcache' ? 'MemcacheLock' : 'SqlLock'} between processes, on ${database}`, () => {
    let place: Place
    const keyPrefix = `locks-${process.pid}:`
    beforeAll(async () => {
      place = (await DATABASES[database]?.()) as Place
    })
    afterAll(() => place.drop())

    function start(): ChildProcess {
      const program = fileURLToPath(new URL('fixtures/lock-holder.mjs', import.meta.url))
      const holder = fork(program, [kind, place.url, servers.memcached.servers, String(LEASE_MS), keyPrefix])
      onTestFinished(() => void holder.kill('SIGKILL'))
      return holder
    }

    test('a holder that is killed is followed by the next', { timeout: 120_000 }, async () => {
      const first = start()
      const { fencing = 0 } = await said(first)
      const second = start()
      first.kill('SIGKILL')
      const next = await said(second)
      expect(next.fencing ?? 0).toBeGreaterThan(fencing)
      second.kill('SIGKILL')
    })

    test('a holder that was stopped writes too late, and is refused', { timeout: 120_000 }, async () => {
      const first = start()
      const { fencing = 0 } = await said(first)
      first.kill('SIGSTOP')
      const second = start()
      const next = await said(second)
      expect(next.fencing ?? 0).toBeGreaterThan(fencing)
      second.send('by the second')
      expect((await said(second)).outcome).toBe('written')
      // It goes on where it was, and writes without looking at its signal.
      first.send('by the first')
      first.kill('SIGCONT')
      expect(await said(first)).toEqual({ outcome: 'refused', wasLost: true })
    })
  })
}
