import { startMiddleman, type Meddling, type Middleman } from '@larder/dev-servers'
import { SqlLock, SqlStorage } from '@larder/storage-sql'
import { describe, expect, test } from 'vitest'
import { DATABASES, errorOf, openFresh, type OpenPlace, SERVER_NAMES } from './databases.js'

type ServerName = (typeof SERVER_NAMES)[number]

/** A storage behind a middleman, and one that reaches the same database without. */
class Behind implements AsyncDisposable {
  constructor(
    readonly direct: OpenPlace,
    readonly middleman: Middleman,
    readonly storage: SqlStorage,
  ) {}

  async [Symbol.asyncDispose](): Promise<void> {
    await this.storage.shutdown()
    await this.middleman.stop()
    await this.direct[Symbol.asyncDispose]()
  }
}

async function openBehind(name: ServerName): Promise<Behind> {
  const direct = await openFresh(name)
  const middleman = await startMiddleman(direct.place.url)
  const storage = await SqlStorage.open({ url: middleman.urlFor(direct.place.url), poolSize: 2 })
  return new Behind(direct, middleman, storage)
}

type Answer = Meddling['answer']

const LOST: Readonly<Record<ServerName, readonly Answer[]>> = {
  postgres: [
    { code: 'XX000', severity: 'FATAL', message: 'unable to read data from DB node 0' },
    { code: 'XX000', message: 'unable to read data from DB node 0' },
    { code: '08006', severity: 'FATAL', message: 'server closed the connection' },
    { code: '40003', message: 'statement completion unknown' },
    { code: '57014', message: 'canceled by the pooler' },
    { code: '58000', message: 'system error' },
  ],
  mariadb: [
    { code: 2013, message: 'Lost connection to server during query' },
    { code: 1105, message: 'Unknown error' },
    { code: 1180, message: 'Got error 6 during COMMIT' },
    { code: 9001, message: 'Max connect timeout reached while reaching hostgroup 0' },
    { code: 1317, message: 'Query execution was interrupted' },
  ],
}

const ROLLED_BACK: Readonly<Record<ServerName, readonly Answer[]>> = {
  postgres: [
    { code: '40001', message: 'could not serialize access' },
    { code: '40P01', message: 'deadlock detected' },
  ],
  mariadb: [{ code: 1213, message: 'WSREP detected deadlock/conflict and aborted the transaction' }],
}

const LATE_CONSTRAINT: Readonly<Record<ServerName, Answer>> = {
  postgres: { code: '23514', message: 'a deferred constraint' },
  mariadb: { code: 1205, message: 'Lock wait timeout exceeded' },
}

const COMMIT = /^COMMIT$/
/** Of a write: those of sweeps beside it pass. */
const WRITE_COMMIT = { on: COMMIT, after: /resource/ }

describe.each(SERVER_NAMES)('a middleman in front of %s', (name) => {
  test.each(LOST[name])('that answers a commit with $code leaves its outcome unknown', async (answer) => {
    await using behind = await openBehind(name)
    const { storage, middleman, direct } = behind
    const info = storage.info('c', 'r')
    const meddled = middleman.meddle({ ...WRITE_COMMIT, answer })
    const error = await errorOf(storage.putContent(info, 'x'))
    await meddled
    expect(error.code).toBe('E_OUTCOME_UNKNOWN')
    expect(error.message.includes(answer.message)).toBe(true)
    expect((await direct.storage.getContent(info)).bytes.toString()).toBe('x')
    expect((await storage.putContent(info, 'y')).version).toBe(2)
  })

  test.each(ROLLED_BACK[name])(
    'that answers a commit with $code makes the write try again',
    async (answer) => {
      await using behind = await openBehind(name)
      const { storage, middleman } = behind
      const info = storage.info('c', 'r')
      const meddled = middleman.meddle({ ...WRITE_COMMIT, answer, executes: false, closes: true })
      expect((await storage.putContent(info, 'x')).version).toBe(1)
      await meddled
    },
  )

  test('that answers with an error of an uncommitted transaction makes the write try again', async () => {
    await using behind = await openBehind(name)
    const { storage, middleman, direct } = behind
    const info = storage.info('c', 'r')
    const answer = LATE_CONSTRAINT[name]
    void middleman.meddle({ ...WRITE_COMMIT, answer, executes: false, closes: true })
    expect((await errorOf(storage.putContent(info, 'x'))).code ?? '').toMatch(/^(E_SERVER|E_LOCK_TIMEOUT)$/)
    expect(await direct.storage.exists(info)).toBe(false)
  })

  test('that answers the commit of several calls in one transaction leaves their outcome unknown', async () => {
    await using behind = await openBehind(name)
    const { storage, middleman, direct } = behind
    const infos = ['one', 'two'].map((each) => storage.info('c', each))
    for (const answer of LOST[name].slice(0, 2)) {
      const meddled = middleman.meddle({ ...WRITE_COMMIT, answer })
      const transaction = storage.transaction(async (tx) => {
        for (const info of infos) await tx.putContent(info, answer.message)
      })
      expect((await errorOf(transaction)).code).toBe('E_OUTCOME_UNKNOWN')
      await meddled
      for (const found of await direct.storage.getMany(infos))
        expect(found?.bytes.toString()).toBe(answer.message)
    }
  })

  test('that fails a statement before the commit: nothing is written, and that is known', async () => {
    await using behind = await openBehind(name)
    const { storage, middleman, direct } = behind
    const info = storage.info('c', 'r')
    await storage.putContent(info, 'x')
    for (const answer of LOST[name]) {
      const meddled = middleman.meddle({ on: /UPDATE\s+\S*resource/i, answer })
      const error = await errorOf(storage.putContent(info, 'y'))
      await meddled
      expect(error.code).not.toBe('E_OUTCOME_UNKNOWN')
    }
    expect((await direct.storage.getContent(info)).version).toBe(1)
    expect((await storage.putContent(info, 'y')).version).toBe(2)
  })

  test('that fails a statement outside a transaction makes it try again', async () => {
    await using behind = await openBehind(name)
    const { storage, middleman } = behind
    const [answer] = LOST[name]
    expect.assert(answer)
    const content = Buffer.alloc(1_200_000, 'a')
    for (const on of [/INSERT INTO \S*container/i, /INSERT INTO \S*body/i, /INSERT INTO \S*chunk/i]) {
      const info = storage.info(`of ${on.source}`, 'r')
      const meddled = middleman.meddle({ on, answer })
      await storage.putContent(info, content).catch(() => undefined)
      await meddled
      const before = await storage.getContent(info).catch(() => undefined)
      const { version } = await storage.putContent(info, content)
      expect(version).toBe((before?.version ?? 0) + 1)
      expect((await storage.getContent(info)).bytes.equals(content)).toBe(true)
    }
  })

  test('that fails the claim of journal rows: they are found again', async () => {
    await using behind = await openBehind(name)
    const { storage, middleman, direct } = behind
    await storage.putContent(storage.info('c', 'r'), 'x', {
      transaction: { journal: ['k'], beforeCommit: async () => undefined },
    })
    const [answer] = LOST[name]
    expect.assert(answer)
    void middleman.meddle({ on: COMMIT, answer, executes: false, closes: true })
    const keys: string[] = []
    const work = async (rows: readonly { readonly id: string; readonly keys: readonly string[] }[]) => {
      keys.push(...rows.flatMap((row) => row.keys))
      return rows.map(({ id }) => id)
    }
    // The server may take a moment to see that the first connection is gone, which has the row locked.
    while (keys.length === 0) await storage.claim({ olderThanMs: 0 }, work)
    expect(keys).toEqual(['k'])
    expect(await direct.count('journal')).toBe(0)
  })

  test('that fails the taking of a lock: the server does not keep it', async () => {
    await using behind = await openBehind(name)
    const { storage, middleman, direct } = behind
    await using lock = new SqlLock({ storage })
    await using other = new SqlLock({ storage: direct.storage })
    const [, answer] = LOST[name]
    expect.assert(answer)
    const meddled = middleman.meddle({ on: /pg_try_advisory_lock|GET_LOCK/, answer })
    await errorOf(lock.acquire('job', { waitMs: 0 }))
    await meddled
    await using held = await other.acquire('job', { waitMs: 5_000 })
    expect(held.name).toBe('job')
  })

  test('that loses the commit of the migrations: the next opening finds them done or does them', async () => {
    await using place = await DATABASES[name]()
    await using middleman = await startMiddleman(place.url)
    const [answer] = LOST[name]
    expect.assert(answer)
    const url = middleman.urlFor(place.url)
    void middleman.meddle({ on: COMMIT, answer })
    await errorOf(SqlStorage.open({ url }))
    await using storage = await SqlStorage.open({ url })
    expect((await storage.putContent(storage.info('c', 'r'), 'x')).version).toBe(1)
  })
})
