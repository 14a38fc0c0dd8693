import { expect, test } from 'vitest'
import { RemoteCache } from '../../src/client/remote-cache.js'

// Nobody listens on port 1: which server was asked shows in the error.
const servers = '127.0.0.1:1,127.0.0.2:1,127.0.0.3:1'

test.each([0, 1, 2])('a cache asks the server that its routing names: %i', async (index) => {
  const seen: string[] = []
  const hash = (key: Uint8Array) => {
    seen.push(Buffer.from(key).toString())
    return index
  }
  await using cache = new RemoteCache(servers, { routing: { distribution: 'modula', hash } })
  await expect(cache.get('some-key')).rejects.toThrow(`127.0.0.${index + 1}:1`)
  expect(seen).toEqual(['some-key'])
})

test('routing that there is not is refused by the constructor', () => {
  expect(() => new RemoteCache(servers, { routing: { hash: 'sha1' as never } })).toThrow(RangeError)
  expect(() => new RemoteCache(servers, { routing: { distribution: 'random' as never } })).toThrow(RangeError)
})

test('an error in a hash function of the user rejects the command', async () => {
  await using cache = new RemoteCache(servers, { routing: { hash: () => -1 } })
  await expect(cache.get('some-key')).rejects.toThrow(RangeError)
  await expect(cache.getMulti(['some-key'])).rejects.toThrow(RangeError)
})
