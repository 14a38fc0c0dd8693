import { stopperOf } from 'api'
import { once } from 'node:events'
import { Agent, createServer, request, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { CASES, databaseUrl, open } from './support.js'

/** Asks by an agent that keeps its connections. */
async function ask(agent: Agent, url: string): Promise<IncomingMessage> {
  const asking = request(url, { agent }).end()
  const [response] = (await once(asking, 'response')) as [IncomingMessage]
  return response
}

function keptAgent() {
  const agent = new Agent({ keepAlive: true })
  onTestFinished(() => agent.destroy())
  const idle = () =>
    Object.values(agent.freeSockets).reduce((sum, sockets) => sum + (sockets?.length ?? 0), 0)
  return { agent, idle }
}

async function listen(listener: RequestListener) {
  const server = createServer(listener)
  // Longer than any test: what ends is ended by the stop.
  server.keepAliveTimeout = 600_000
  const stop = stopperOf(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => server.closeAllConnections())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop }
}

test('an idle connection that a client keeps open ends at once', async () => {
  const { url, stop } = await listen((_request, response) => response.end('hello'))
  const { agent, idle } = keptAgent()
  const response = await ask(agent, url)
  expect(response.headers.connection).toBe('keep-alive')
  await once(response.resume(), 'end')
  await expect.poll(idle).toBe(1)
  await stop(600_000)
  await expect.poll(idle).toBe(0)
})

test('the answer to a request that was under way says that the connection closes', async () => {
  const ends: (() => void)[] = []
  const { url, stop } = await listen((_request, response) => ends.push(() => response.end('hello')))
  const answered = ask(keptAgent().agent, url)
  await expect.poll(() => ends.length).toBe(1)
  const stopped = stop(600_000)
  ends[0]?.()
  const response = await answered
  expect(response.headers.connection).toBe('close')
  response.resume()
  await stopped
})

test('a kept connection ends behind an answer whose head was sent before the stop', async () => {
  const ends: (() => void)[] = []
  const { url, stop } = await listen((_request, response) => {
    response.write('hel')
    ends.push(() => response.end('lo'))
  })
  const response = await ask(keptAgent().agent, url)
  expect(response.headers.connection).toBe('keep-alive')
  const stopped = stop(600_000)
  ends[0]?.()
  expect((await response.toArray()).join('')).toBe('hello')
  await stopped
})

test('an answer that has ended and is only half sent arrives whole', async () => {
  const { url, stop } = await listen((_request, response) => response.end(Buffer.alloc(30_000_000)))
  const response = await ask(keptAgent().agent, url)
  const stopped = stop(600_000)
  let length = 0
  for await (const chunk of response) length += (chunk as Buffer).length
  expect(length).toBe(30_000_000)
  await stopped
})

test('a stopped server accepts no connection, and still answers an older request', async () => {
  const ends: (() => void)[] = []
  const { url, stop } = await listen((_request, response) => ends.push(() => response.end()))
  const answered = ask(keptAgent().agent, url)
  await expect.poll(() => ends.length).toBe(1)
  const stopped = stop(600_000)
  await expect(fetch(url)).rejects.toThrow()
  ends[0]?.()
  expect((await answered).resume().statusCode).toBe(200)
  await stopped
})

test('after the deadline a request that does not end is cut', async () => {
  let count = 0
  const { url, stop } = await listen(() => count++)
  const asking = request(url, { agent: keptAgent().agent }).end()
  const cut = new Promise((resolve) => asking.once('error', resolve))
  await expect.poll(() => count).toBe(1)
  await stop(50)
  expect(await cut).toMatchObject({ code: 'ECONNRESET' })
})

describe.each(CASES)('%s with %s', (framework, kind) => {
  test('the API does not wait for a client that keeps its connection open', async () => {
    const { url, close } = await open(framework, await databaseUrl(kind), { stopMs: 600_000 })
    const { agent, idle } = keptAgent()
    await once((await ask(agent, `${url}/products`)).resume(), 'end')
    await expect.poll(idle).toBe(1)
    await close()
    await expect.poll(idle).toBe(0)
  })
})
