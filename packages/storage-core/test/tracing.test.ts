import {
  callChannel,
  type CallEvent,
  countChannel,
  type CountEvent,
  MemoryStorage,
  type Storage,
} from '@larder/storage-core'
import { watchedCounters } from '@larder/storage-core/driver'
import { FaultyStorage } from '@larder/storage-core/testing'
import { AsyncLocalStorage } from 'node:async_hooks'
import { type Channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, describe, expect, test } from 'vitest'

const ends: (() => void)[] = []
afterEach(() => {
  for (const end of ends.splice(0)) end()
})

function listen(channel: Channel, hear: (event: never) => void): void {
  const listener = (message: unknown) => hear(message as never)
  subscribe(channel.name, listener)
  ends.push(() => unsubscribe(channel.name, listener))
}

/** What is published for calls, as `operation collection resource items error`. */
function heard(): string[] {
  const calls: string[] = []
  listen(callChannel.asyncEnd, ({ operation, collection, resource, items, error }: CallEvent) => {
    calls.push(
      [operation, collection, resource, items, error instanceof Error ? error.message : 'well'].join(' '),
    )
  })
  return calls
}

async function everyCall(storage: Storage): Promise<void> {
  const info = storage.info('films', 'a')
  await storage.createContainer('films')
  await storage.putContent(info, 'x')
  await storage.putMetaData(info, 'y')
  await storage.put(info, { content: 'x', metadata: 'y' })
  await storage.getContent(info)
  await storage.getMetaData(info)
  await storage.getMany([info, storage.info('films', 'b')])
  await storage.getMany([info, storage.info('books', 'b')])
  for await (const _ of (await storage.openContent(info)).stream) continue
  await storage.exists(info)
  await storage.exists(storage.info('films'))
  await storage.ls('films')
  for await (const _ of storage.ils('films')) continue
  await storage.page('films')
  await storage.persist([info], 'as it is')
  await storage.removeContent(info)
  await storage.removeMetaData(info)
  await storage.remove(info)
}

describe('calls of a storage', () => {
  test('are published with what they are about', async () => {
    const calls = heard()
    await everyCall(new MemoryStorage())
    expect(calls).toEqual([
      'createContainer films  1 well',
      'putContent films a 1 well',
      'putMetaData films a 1 well',
      'put films a 1 well',
      'getContent films a 1 well',
      'getMetaData films a 1 well',
      'getMany films  2 well',
      'getMany   2 well',
      'openContent films a 1 well',
      'exists films a 1 well',
      'exists films  1 well',
      'ls films  1 well',
      // Its only batch, and the look for another.
      'ils films  1 well',
      'ils films  1 well',
      'page films  1 well',
      'persist   1 well',
      'removeContent films a 1 well',
      'removeMetaData films a 1 well',
      'remove films a 1 well',
    ])
  })

  test('are published with what they rejected with', async () => {
    const calls = heard()
    const storage = new FaultyStorage(new MemoryStorage())
    const failure = new Error('tired')
    storage.failNextReads(1, failure)
    const info = storage.info('films', 'a')
    await expect(storage.getContent(info)).rejects.toBe(failure)
    await expect(new MemoryStorage().getContent(info)).rejects.toMatchObject({ code: 'E_NOT_FOUND' })
    expect(calls).toHaveLength(1)
    expect(calls[0]).toMatch(/^getContent films a 1 There is no content/)
  })

  test('are published with their system, their start and their duration', async () => {
    const events: CallEvent[] = []
    const atStart: (number | undefined)[] = []
    listen(callChannel.start, (event: CallEvent) => atStart.push(event.durationMs))
    listen(callChannel.asyncEnd, (event: CallEvent) => events.push(event))
    const before = Date.now()
    await new MemoryStorage().ls('films')
    const [event] = events
    expect(event).toMatchObject({ system: 'memory', operation: 'ls' })
    expect(event?.startedAtMs).toBeGreaterThanOrEqual(before)
    expect(event?.durationMs).toBeGreaterThanOrEqual(0)
    expect(atStart).toEqual([undefined])
  })

  test('run in the store that a subscriber binds', async () => {
    const context = new AsyncLocalStorage<string>()
    const seen: (string | undefined)[] = []
    // The type arguments of Node's channels have another order in its newest types.
    const start = callChannel.start as unknown as {
      bindStore(store: typeof context, valueOf: () => string): void
      unbindStore(store: typeof context): unknown
    }
    start.bindStore(context, () => 'inside')
    ends.push(() => start.unbindStore(context))
    const storage = new MemoryStorage()
    const content = async function* () {
      seen.push(context.getStore())
      yield Buffer.from('x')
    }
    await storage.putContent(storage.info('films', 'a'), content())
    expect(seen).toEqual(['inside'])
    expect(context.getStore()).toBeUndefined()
  })

  test('are not published without subscribers', async () => {
    const calls = heard()
    expect(callChannel.hasSubscribers).toBe(true)
    for (const end of ends.splice(0)) end()
    expect(callChannel.hasSubscribers).toBe(false)
    await new MemoryStorage().ls('films')
    expect(calls).toEqual([])
  })
})

test('counters publish each step, and can be read and spread', () => {
  const events: CountEvent[] = []
  const counters = watchedCounters({ counters: 'storage', keyPrefix: 'n:' }, { hits: 0, misses: 2 })
  counters.hits++
  listen(countChannel, (event: CountEvent) => events.push(event))
  counters.hits += 3
  counters.misses++
  expect({ ...counters }).toEqual({ hits: 4, misses: 3 })
  expect(events).toEqual([
    { counters: 'storage', keyPrefix: 'n:', counter: 'hits', by: 3 },
    { counters: 'storage', keyPrefix: 'n:', counter: 'misses', by: 1 },
  ])
})
