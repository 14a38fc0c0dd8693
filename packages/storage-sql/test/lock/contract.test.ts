import { lockContract } from '@larder/storage-core/testing'
import { SqlLock, type SqlStorage } from '@larder/storage-sql'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { type DatabaseName, DATABASE_NAMES, openFresh, type OpenPlace } from '../databases.js'

/** Ends what has locks in this database, or takes the file's leases away. */
const FORGET: Readonly<Record<DatabaseName, (place: OpenPlace) => Promise<void>>> = {
  sqlite: async ({ storage }) => {
    for (const info of (await storage.ls('larder-locks')).values()) await storage.removeContent(info)
  },
  postgres: async (place) => {
    await place.query(
      `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    )
  },
  mariadb: async (place) => {
    const sessions = await place.query(
      'SELECT ID AS id FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID()',
    )
    for (const { id } of sessions) await place.query(`KILL ${String(id)}`)
  },
}

for (const name of DATABASE_NAMES) {
  describe(`SqlLock on ${name}`, () => {
    let place: OpenPlace
    let other: SqlStorage
    beforeAll(async () => {
      place = await openFresh(name)
      other = await place.another()
    })
    afterAll(() => place[Symbol.asyncDispose]())

    lockContract({
      describe,
      test,
      open: async () => ({
        lock: new SqlLock({ storage: place.storage }),
        another: async () => new SqlLock({ storage: other }),
        fencing: true,
        forget: () => FORGET[name](place),
      }),
    })
  })
}
