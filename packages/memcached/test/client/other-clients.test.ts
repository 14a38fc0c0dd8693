import { EmbeddedCache, MemcacheClient } from '@larder/memcached'
import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'

/** An item as it lies in memcached. */
interface Stored {
  readonly flags: number
  readonly hex: string
}

interface Golden {
  readonly stores: Readonly<Record<string, Stored>>
  /** What the other client makes of items of ours: the name of the type, and the value as text, bytes in hex. */
  readonly reads: Readonly<Record<string, Stored & { readonly type: string; readonly reads: string }>>
}

/** Computed by `golden/compute.py`, which asks those clients. */
const golden = JSON.parse(readFileSync(new URL('golden/values.json', import.meta.url), 'utf8')) as Readonly<
  Record<string, Golden>
>
const LONG = 'long text '.repeat(100)

describe.each(Object.entries(golden))('%s', (name, { stores, reads }) => {
  const cache = new EmbeddedCache()
  const client = new MemcacheClient({ cache })
  afterAll(() => cache.close())

  const read = async ({ flags, hex }: Stored) => {
    await cache.set('k', Buffer.from(hex, 'hex'), { flags })
    return client.get('k')
  }

  test('its values are read here with their types', async () => {
    const integer = (value: bigint) => (name === 'pylibmc' ? value : Number(value))
    expect(await read(stores['text']!)).toBe('hällo')
    expect(await read(stores['empty']!)).toBe('')
    expect(await read(stores['bytes']!)).toEqual(Buffer.from([0, 255, 13, 10]))
    expect(await read(stores['small']!)).toBe(integer(42n))
    expect(await read(stores['negative']!)).toBe(integer(-3n))
    expect(await read(stores['large']!)).toBe(2n ** 70n)
    expect(await read(stores['packed']!)).toBe(LONG)
    await expect(read(stores['object']!)).rejects.toMatchObject({ code: 'E_CORRUPT' })
  })

  test('it reads values that are stored here with their types', async () => {
    const packing = new MemcacheClient({ cache, compression: { minBytes: 100 } })
    const values = {
      text: ['hällo', 'str', 'hällo'],
      bytes: [Buffer.from([0, 255, 13, 10]), 'bytes', '00ff0d0a'],
      integer: [42, 'int', '42'],
      bigint: [2n ** 70n, 'int', String(2n ** 70n)],
      packed: [LONG, 'str', LONG],
    } as const
    for (const [kind, [value, type, text]] of Object.entries(values)) {
      await packing.set('k', value)
      const item = await cache.get('k')
      const theirs = reads[kind]!
      expect([kind, item?.flags, theirs.type, theirs.reads]).toEqual([kind, theirs.flags, type, text])
      // Every zlib packs in its own way.
      if (kind !== 'packed') expect(item?.value.toString('hex')).toBe(theirs.hex)
    }
  })
})
