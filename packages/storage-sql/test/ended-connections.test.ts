import { SqlStorage } from '@larder/storage-sql'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, test } from 'vitest'

/** A message of PostgreSQL's protocol: its kind, its length with the four bytes of that, its body. */
function message(kind: string, body: string): Buffer {
  const head = Buffer.alloc(5)
  head.write(kind)
  head.writeInt32BE(4 + body.length, 1)
  return Buffer.concat([head, Buffer.from(body, 'latin1')])
}

const WELCOME = [message('R', '\0\0\0\0'), message('Z', 'I')]
const FAREWELL = message('E', 'SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0')

test('a PostgreSQL that ends a connection as it begins, in one packet, does not end the process', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.end(Buffer.concat([...WELCOME, FAREWELL])))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const uncaught: unknown[] = []
  const listener = (error: unknown) => void uncaught.push(error)
  process.on('uncaughtException', listener)
  try {
    const opening = SqlStorage.open({
      url: `postgres://u@127.0.0.1:${(server.address() as AddressInfo).port}/d`,
    })
    await expect(opening).rejects.toMatchObject({ code: 'E_STORAGE_UNAVAILABLE' })
    expect(uncaught).toEqual([])
  } finally {
    process.off('uncaughtException', listener)
    await new Promise((resolve) => server.close(resolve))
  }
})
