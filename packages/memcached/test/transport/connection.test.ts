import { setImmediate } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { openBinary, BinarySession } from '../../src/transport/binary/session.js'
import { Call } from '../../src/transport/call.js'
import type { Command } from '../../src/transport/commands.js'
import { Connection, type Loss } from '../../src/transport/connection.js'
import type { LinkEvents } from '../../src/transport/links/link.js'
import { resolveChannelOptions, type ChannelOptions } from '../../src/transport/options.js'

/** A connection over a link that only remembers. */
function connect(options: Partial<ChannelOptions> = {}) {
  const written: Uint8Array[][] = []
  const losses: Loss[] = []
  const leftovers: { sent: Call[]; unsent: Call[] } = { sent: [], unsent: [] }
  const link = {
    bufferedBytes: 0,
    destroyed: 0,
    write: (chunks: readonly Uint8Array[]) => void written.push(chunks.map((chunk) => Buffer.from(chunk))),
    held: [] as boolean[],
    hold: (isHeld: boolean) => void link.held.push(isHeld),
    destroy: () => void link.destroyed++,
  }
  const owner = {
    batchLeft: () => {},
    answered: () => {},
    stalled: () => {},
    lost: (loss: Loss, sent: Call[], unsent: Call[]) => {
      losses.push(loss)
      leftovers.sent.push(...sent)
      leftovers.unsent.push(...unsent)
    },
  }
  const all = resolveChannelOptions(options)
  let events: LinkEvents | undefined
  const dial = (given: LinkEvents) => {
    events = given
    return link
  }
  const connection = new Connection(dial, owner, all)
  const submit = (command: Command) => {
    const call = new Call(command, undefined)
    call.deadline = all.now() + all.timeoutMs
    connection.submit(call)
    return call.result
  }
  return {
    connection,
    events: events as LinkEvents,
    link,
    losses,
    leftovers,
    written,
    get: () => submit({ kind: 'get', key: { text: 'k', bytes: 1 }, as: (item) => item, exptime: undefined }),
    getMulti: (count: number) =>
      submit({
        kind: 'getMulti',
        keys: Array.from({ length: count }, (_, i) => ({ text: `k${i}`, bytes: 2 })),
      }),
  }
}

const opaques = (bytes: Uint8Array) => {
  const found: number[] = []
  const buffer = Buffer.from(bytes)
  for (let i = 0; i < buffer.length; i += 24 + buffer.readUInt32BE(i + 8))
    found.push(buffer.readUInt32BE(i + 12))
  return found
}

function reply(opcode: number, opaque: number, value: string): Buffer {
  const bytes = Buffer.alloc(28 + value.length)
  bytes[0] = 0x81
  bytes[1] = opcode
  bytes[4] = 4
  bytes.writeUInt32BE(4 + value.length, 8)
  bytes.writeUInt32BE(opaque, 12)
  bytes.writeBigUInt64BE(5n, 16)
  bytes.write(value, 28)
  return bytes
}

/** Commands leave in the check phase of the event loop: what is scheduled now runs behind them. */
const tick = () => setImmediate()

test('opaque numbers wrap around after 2^32 commands, within a batch too', async () => {
  const { connection, events, written, get, getMulti } = connect()
  events.ready((session) => new BinarySession(session, 0xffff_fffe))
  const first = get()
  const batch = getMulti(3)
  const last = get()
  await tick()
  expect(opaques(written[0]![0]!)).toEqual([0xffff_fffe, 0xffff_ffff, 0, 1, 2, 3])
  events.data(reply(0x00, 0xffff_fffe, 'first'))
  events.data(reply(0x09, 0xffff_ffff, 'k0'))
  events.data(reply(0x09, 1, 'k2'))
  events.data(reply(0x0a, 2, ''))
  events.data(reply(0x00, 3, 'last'))
  expect(await first).toMatchObject({ value: Buffer.from('first') })
  expect([...((await batch) as { items: Map<string, unknown> }).items.keys()]).toEqual(['k0', 'k2'])
  expect(await last).toMatchObject({ value: Buffer.from('last') })
  connection.destroy(new Error('done'))
})

test('a batch reply that arrives out of order closes the connection', async () => {
  const { events, losses, getMulti } = connect()
  events.ready(openBinary)
  void getMulti(3).catch(() => {})
  await tick()
  events.data(reply(0x09, 2, 'k1'))
  events.data(reply(0x09, 1, 'k0'))
  expect(losses.length).toBe(1)
})

test('data that arrives after the loss is ignored', async () => {
  const { connection, events, link, losses, get } = connect()
  events.ready(openBinary)
  let isSettled = false
  void get()
    .finally(() => (isSettled = true))
    .catch(() => {})
  await tick()
  events.lost(new Error('reset'))
  connection.destroy(new Error('again'))
  expect(losses.length).toBe(1)
  expect(link.destroyed).toBe(1)
  await tick()
  expect(isSettled).toBe(false)
})

test('commands wait for the connection and are returned unsent where it never opens', async () => {
  const { connection, events, leftovers, losses, written, get } = connect()
  void get().catch(() => {})
  await tick()
  expect(written).toEqual([])
  events.lost(new Error('refused'))
  expect([leftovers.sent.length, leftovers.unsent.length]).toEqual([0, 1])
  expect(losses[0]).toMatchObject({ kind: 'lost', answered: false })
  expect(connection.isGone).toBe(true)
})

test('a connection that does not come up in its time is given up', async () => {
  const { losses, get } = connect({ connectTimeoutMs: 30, timeoutMs: 1000 })
  void get().catch(() => {})
  await expect.poll(() => losses.length).toBe(1)
  expect(losses[0]).toMatchObject({ kind: 'timed-out' })
})

test('a command that waits longer than its deadline for the connection is not sent', async () => {
  const { connection, events, losses, written, get } = connect({ connectTimeoutMs: 1000, timeoutMs: 30 })
  await expect(get()).rejects.toMatchObject({ code: 'E_TIMEOUT' })
  expect(losses).toEqual([])
  events.ready(openBinary)
  expect(written).toEqual([])
  connection.destroy(new Error('done'))
})

test('commands stay here while the socket is full', async () => {
  const { connection, events, link, written, get } = connect()
  events.ready(openBinary)
  link.bufferedBytes = 2 * 1024 * 1024
  void get().catch(() => {})
  await tick()
  expect(written.length).toBe(0)
  link.bufferedBytes = 0
  events.drain()
  expect(written.length).toBe(1)
  connection.destroy(new Error('done'))
})

test('one timer watches any number of commands, and does not keep the process alive', async () => {
  const started = vi.spyOn(globalThis, 'setTimeout')
  const { connection, events, get } = connect()
  events.ready(openBinary)
  for (let i = 0; i < 1000; i++) void get().catch(() => {})
  await tick()
  const timers = started.mock.results.map(({ value }) => value as NodeJS.Timeout)
  started.mockRestore()
  expect(timers.map((timer) => timer.hasRef())).toEqual([false])
  connection.destroy(new Error('done'))
})

test('memory that the socket still reads is not written again', async () => {
  const { connection, events, link, get } = connect()
  const given: Uint8Array[] = []
  link.write = (chunks) => void given.push(...chunks)
  events.ready(openBinary)
  link.bufferedBytes = 1
  void get().catch(() => {})
  await tick()
  const first = Buffer.from(given[0]!)
  void get().catch(() => {})
  await tick()
  expect(given.length).toBe(2)
  expect(first.equals(given[0]!)).toBe(true)
  expect(given[0]!.buffer).not.toBe(given[1]!.buffer)
  connection.destroy(new Error('done'))
})

test('with `holdsProcess: false` the socket holds the process while commands are in flight', async () => {
  const { connection, events, link, get } = connect({ holdsProcess: false })
  events.ready(openBinary)
  const [first, second] = [get(), get()]
  expect(link.held).toEqual([true, true])
  await tick()
  events.data(reply(0x00, 1, 'first'))
  await first
  expect(link.held).toEqual([true, true])
  events.data(reply(0x00, 2, 'second'))
  await second
  expect(link.held).toEqual([true, true, false])
  connection.destroy(new Error('done'))
})
