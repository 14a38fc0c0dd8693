import { MemoryStorage } from '@larder/storage-core'
import { FaultyStorage } from '@larder/storage-core/testing'
import { AtomStore, checkConfig, startServer } from 'atom-store'
import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { entryXml } from './support/documents.js'

const ATOM = 'application/atom+xml;type=entry'
const CONFIG = checkConfig({ workspaces: [{ title: 'W', collections: [{ name: 'notes', title: 'Notes' }] }] })

/** Resolves to all that is answered until the connection ends, however it does. */
async function ask(url: string, text: string): Promise<{ readonly answer: Promise<string> }> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  await once(socket, 'connect')
  onTestFinished(() => void socket.destroy())
  const answer = new Promise<string>((resolve) => {
    let received = ''
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()))
    socket.on('error', () => undefined).once('close', () => resolve(received))
  })
  socket.write(text)
  return { answer }
}

test('pipelined requests are answered in their order', async () => {
  const store = new AtomStore(new MemoryStorage(), CONFIG)
  await using server = await startServer({ store, config: CONFIG }, '127.0.0.1', 0)
  const post = (slug: string, type: string, body: string): string =>
    `POST /notes HTTP/1.1\r\nHost: x\r\nSlug: ${slug}\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  const requests = [
    post('a', ATOM, entryXml('a')),
    // Its body is not read.
    post('b', 'image/png', 'x'.repeat(100_000)),
    post('a', ATOM, entryXml('a')),
    'GET /notes HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  ]
  const { answer } = await ask(server.url, requests.join(''))
  const statuses = Array.from((await answer).matchAll(/HTTP\/1\.1 (\d+) /g), ([, status]) => Number(status))
  expect(statuses).toEqual([201, 415, 201, 200])
  expect((await answer).match(/<entry/g)).toHaveLength(4)
})

test('a server that closes answers the requests that it has and waits for no others', async () => {
  const storage = new FaultyStorage(new MemoryStorage())
  const store = new AtomStore(storage, CONFIG)
  const server = await startServer({ store, config: CONFIG }, '127.0.0.1', 0)
  const gate = storage.pauseNextListing()
  const asked = await ask(server.url, 'GET /notes HTTP/1.1\r\nHost: x\r\n\r\n')
  await gate.reached
  // As browsers open them, to be quick later; and one that has not said everything.
  const others = [await ask(server.url, ''), await ask(server.url, 'GET /notes HTTP/1.1\r\nHo')]
  const closed = server[Symbol.asyncDispose]()
  // These go at once: they are not what the server waits for.
  for (const { answer } of others) expect(await answer).toBe('')
  gate.open()
  expect(await asked.answer).toMatch(/^HTTP\/1.1 200 [^]*<\/feed>/)
  await closed
  await expect(fetch(`${server.url}/notes`)).rejects.toThrow('fetch failed')
})
