import { storageContract } from '@larder/storage-core/testing'
import { SqlStorage } from '@larder/storage-sql'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { DATABASES, type Place } from './databases.js'

for (const [name, create] of Object.entries(DATABASES)) {
  describe(`SqlStorage on ${name}`, () => {
    let place: Place
    beforeAll(async () => {
      place = await create()
    })
    afterAll(() => place[Symbol.asyncDispose]())

    storageContract({
      describe,
      test,
      open: async () => ({
        storage: await SqlStorage.open({ url: place.url, orderByModified: true }),
        reopen: () => SqlStorage.open({ url: place.url, orderByModified: true }),
      }),
    })
  })
}
