import { requestChannel, type RequestEvent } from '@larder/storage-core'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, expect, onTestFinished, test } from 'vitest'
import { DATABASE_NAMES, openFresh } from './databases.js'

function heard(): RequestEvent[] {
  const events: RequestEvent[] = []
  const listener = (event: unknown) => void events.push(event as RequestEvent)
  subscribe(requestChannel.asyncEnd.name, listener)
  onTestFinished(() => void unsubscribe(requestChannel.asyncEnd.name, listener))
  return events
}

describe.each(DATABASE_NAMES)('requests to %s', (name) => {
  test('are published with their SQL and without values', async () => {
    await using opened = await openFresh(name)
    const { storage } = opened
    const info = storage.info('films', 'academy dinosaur')
    const events = heard()
    await storage.putContent(info, 'secret')
    await storage.getContent(info)
    const { system, operation, items, durationMs, error, statement } = events.at(-1) ?? {}
    expect({ operation, items, error }).toEqual({ operation: 'SELECT', items: 1, error: undefined })
    expect(system).toBe({ sqlite: 'sqlite', postgres: 'postgresql', mariadb: 'mysql' }[name])
    expect(statement).toContain('larder_resource')
    expect(durationMs).toBeGreaterThan(0)
    expect(events.map((event) => event.operation)).toContain('COMMIT')
    const texts = events.map((event) => event.statement).join()
    expect(texts).toContain('INSERT')
    expect(texts).not.toMatch(/secret|dinosaur/)
  })

  test('are published where a transaction is rolled back', async () => {
    await using opened = await openFresh(name)
    const { storage } = opened
    const events = heard()
    const failure = new Error('on purpose')
    const beforeCommit = async () => {
      throw failure
    }
    const write = storage.putContent(storage.info('films', 'a'), 'x', { transaction: { beforeCommit } })
    await expect(write).rejects.toBe(failure)
    expect(events.at(-1)).toMatchObject({ operation: 'ROLLBACK', error: undefined })
  })
})
