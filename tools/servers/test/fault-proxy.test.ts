import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { startProxy, type FaultProxy } from '@larder/dev-servers'
import { afterEach, beforeEach, expect, test } from 'vitest'

let echo: Server
let proxy: FaultProxy
let received: string

beforeEach(async () => {
  received = ''
  echo = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      received += chunk.toString()
      socket.write(chunk)
    })
  })
  await once(echo.listen(0, '127.0.0.1'), 'listening')
  proxy = await startProxy({ port: (echo.address() as AddressInfo).port })
})

afterEach(async () => {
  await proxy.stop()
  await new Promise((resolve) => echo.close(resolve))
})

interface Caller {
  readonly socket: Socket
  readonly chunks: Buffer[]
  text(): string
  /** Resolves when so many bytes are there. */
  got(length: number): Promise<void>
  /** Resolves to the error code, or 'closed'. */
  readonly ended: Promise<string>
}

function call(): Caller {
  const socket = connect({ port: proxy.port, host: proxy.host })
  const chunks: Buffer[] = []
  const text = (): string => Buffer.concat(chunks).toString()
  let code = 'closed'
  socket.on('error', (error: NodeJS.ErrnoException) => (code = error.code ?? 'error'))
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  const closed = new Promise((resolve) => socket.once('close', resolve))
  const got = async (length: number): Promise<void> => {
    while (text().length < length) await once(socket, 'data')
  }
  return { socket, chunks, text, got, ended: closed.then(() => code) }
}

/** Those of this process that are open. */
const sockets = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length

async function talking(): Promise<Caller> {
  const caller = call()
  caller.socket.write('hello')
  await caller.got(5)
  return caller
}

const A_WHILE_MS = 100

test('passes bytes and counts connections', async () => {
  const caller = await talking()
  expect(caller.text()).toBe('hello')
  expect(proxy.connections).toBe(1)
  expect(proxy.accepted).toBe(1)
  caller.socket.end()
  expect(await caller.ended).toBe('closed')
  expect(proxy.connections).toBe(0)
})

test('cut resets open connections and takes new ones', async () => {
  const caller = await talking()
  proxy.cut()
  expect(await caller.ended).toBe('ECONNRESET')
  await talking()
})

test('a black hole takes everything and answers nothing', async () => {
  const open = await talking()
  const silent = await talking()
  proxy.blackhole()
  open.socket.write(' lost')
  const late = call()
  late.socket.write('lost too')
  await sleep(A_WHILE_MS)
  await proxy.pass()
  silent.socket.write(' again')
  await silent.got(11)
  expect(silent.text()).toBe('hello again')
  // What has lost bytes does not go on without them.
  open.socket.write(' again')
  expect(await open.ended).toBe('ECONNRESET')
  expect(late.text()).toBe('')
  expect(received).toBe('hellohello again')
})

test('cut closes a connection that is just being ended', async () => {
  const before = sockets()
  const caller = await talking()
  proxy.hold()
  caller.socket.end()
  await once(caller.socket, 'finish')
  await sleep(A_WHILE_MS)
  // The end that was held goes out, and the cut comes before the kernel has heard of it.
  void proxy.pass()
  for (let turn = 0; turn < 10; turn++) await Promise.resolve()
  proxy.cut()
  while (sockets() > before) await sleep(5)
})

test('cut closes a connection that is not connected to its target yet', async () => {
  const before = sockets()
  // The proxy looks for its target by name, which takes some turns of the event loop.
  for (let accepted = 1; accepted <= 30; accepted++) {
    const { ended } = call()
    while (proxy.accepted < accepted) await new Promise((resolve) => setImmediate(resolve))
    proxy.cut()
    await ended
  }
  await expect.poll(sockets).toBeLessThanOrEqual(before)
})

test('hold delivers late and in order, even from a connection closed meanwhile', async () => {
  const staying = await talking()
  const leaving = await talking()
  proxy.hold()
  staying.socket.write(' 1')
  staying.socket.write(' 2')
  leaving.socket.end('BYE')
  leaving.socket.destroySoon()
  await sleep(A_WHILE_MS)
  expect(received).toBe('hellohello')
  await proxy.pass()
  await staying.got(9)
  expect(staying.text()).toBe('hello 1 2')
  while (!received.includes('BYE')) await sleep(5)
})

test('delay adds its time to each direction', async () => {
  const caller = await talking()
  proxy.delay(60)
  const before = performance.now()
  caller.socket.write(' slow')
  await caller.got(10)
  expect(performance.now() - before).toBeGreaterThanOrEqual(115)
  expect(caller.text()).toBe('hello slow')
})

test('pieces splits data into pieces', async () => {
  const caller = await talking()
  proxy.pieces(1)
  caller.socket.write('12345')
  await caller.got(10)
  expect(caller.text()).toBe('hello12345')
  expect(caller.chunks.length).toBeGreaterThan(2)
  expect(() => proxy.pieces(0)).toThrow(RangeError)
})

test.each([0, 1, 4, 7])('truncate lets %i bytes of reply through and resets', async (bytes) => {
  const caller = await talking()
  proxy.truncate(bytes)
  caller.socket.write('1234567890')
  expect(await caller.ended).toBe('ECONNRESET')
  expect(caller.text()).toBe('hello' + '1234567890'.slice(0, bytes))
  expect(received).toBe('hello1234567890')
})

test('truncate counts over several replies', async () => {
  const caller = await talking()
  proxy.truncate(6)
  caller.socket.write('abcd')
  await caller.got(9)
  caller.socket.write('efgh')
  expect(await caller.ended).toBe('ECONNRESET')
  expect(caller.text()).toBe('helloabcdef')
})

test('refuse refuses until pass', async () => {
  const open = await talking()
  await proxy.refuse()
  expect(await open.ended).toBe('ECONNRESET')
  expect(await call().ended).toBe('ECONNREFUSED')
  await proxy.pass()
  await talking()
})

test('a target that is down resets', async () => {
  const target = await startProxy({ port: 1 })
  const socket = connect({ port: target.port, host: target.host })
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
  expect(error.code).toBe('ECONNRESET')
  await target.stop()
})

test('stop is idempotent and ends held connections', async () => {
  const caller = await talking()
  proxy.hold()
  caller.socket.write('x')
  await proxy.stop()
  await proxy.stop()
  expect(await caller.ended).toBe('ECONNRESET')
})
