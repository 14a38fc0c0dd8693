import { type MariadbServer, startMariadb } from '@larder/dev-servers'
import { SqlStorage } from '@larder/storage-sql'
import { createConnection } from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { errorOf } from './databases.js'

const KIB = 1_024
const PACKET_BYTES = 1_024 * KIB

describe('a server that takes packets of 1 MiB', () => {
  let server: MariadbServer
  let storage: SqlStorage

  beforeAll(async () => {
    server = await startMariadb({ settings: { 'max-allowed-packet': String(PACKET_BYTES) } })
    storage = await SqlStorage.open({ url: server.url })
  })

  afterAll(async () => {
    await storage.shutdown()
    await server.stop()
  })

  test.each([200, 256, 511, 512, 513, 1_024, 3_000])('stores and returns content of %i KiB', async (kib) => {
    const info = storage.info('sizes', `content ${kib}`)
    const bytes = Buffer.alloc(kib * KIB, `${kib}'"\\\0`)
    await storage.putContent(info, bytes)
    expect(bytes.equals((await storage.getContent(info)).bytes)).toBeTruthy()
  })

  test.each([256, 500])('stores and returns metadata of %i KiB beside content of 256 KiB', async (kib) => {
    const info = storage.info('sizes', `both ${kib}`)
    const content = Buffer.alloc(256 * KIB, 'c')
    const metadata = Buffer.alloc(kib * KIB, 'm')
    await storage.put(info, { content, metadata })
    expect(content.equals((await storage.getContent(info)).bytes)).toBeTruthy()
    expect(metadata.equals((await storage.getMetaData(info)).bytes)).toBeTruthy()
  })

  test('refuses metadata that fits no packet, and stores nothing of the write', async () => {
    const info = storage.info('sizes', 'too large')
    const error = await errorOf(storage.put(info, { content: 'c', metadata: Buffer.alloc(600 * KIB) }))
    expect(error.code).toBe('E_TOO_LARGE')
    expect(error.message).toMatch(/max_allowed_packet/)
    expect(await storage.exists(info)).toBe(false)
  })

  test('writes 40 contents of 250 kB and three metadata of 400 kB in one call', async () => {
    const contents = Array.from({ length: 40 }, (_, i) => ({
      info: storage.info('together', `content ${i}`),
      content: Buffer.alloc(250_000, String(i)),
    }))
    const metadata = Array.from({ length: 3 }, (_, i) => ({
      info: storage.info('together', `metadata ${i}`),
      metadata: Buffer.alloc(400_000, String(i)),
    }))
    await storage.writeMany([...contents, ...metadata])
    const found = await storage.getMany(contents.map(({ info }) => info))
    expect(found.map((part, i) => part !== undefined && contents[i]?.content.equals(part.bytes))).toEqual(
      contents.map(() => true),
    )
  })

  test('tells E_TOO_LARGE before sending where the limit was lowered after the opening', async () => {
    await using second = await SqlStorage.open({ url: server.url })
    const { hostname, port, username, password } = new URL(server.url)
    const admin = await createConnection({ host: hostname, port: Number(port), user: username, password })
    try {
      await admin.query(`SET GLOBAL max_allowed_packet = ${PACKET_BYTES / 4}`)
      // Connections of the pool that were not needed yet have the new limit.
      const outcomes = await Promise.allSettled(
        Array.from({ length: 8 }, (_, i) =>
          second.putContent(second.info('lowered', String(i)), Buffer.alloc(200 * KIB)),
        ),
      )
      const codes = outcomes.flatMap((each) =>
        each.status === 'rejected' ? [(each.reason as { code: string }).code] : [],
      )
      expect(codes.length).toBeGreaterThan(0)
      expect([...new Set(codes)]).toEqual(['E_TOO_LARGE'])
    } finally {
      await admin.query(`SET GLOBAL max_allowed_packet = ${PACKET_BYTES}`)
      await admin.end()
    }
  })
})
