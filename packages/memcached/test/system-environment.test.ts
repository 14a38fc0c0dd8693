import { systemEnvironment } from '@larder/memcached'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'

test('waits that are longer than a timer can be do not end at once', async () => {
  const warnings: string[] = []
  const note = ({ name }: Error) => warnings.push(name)
  process.on('warning', note)
  // A relay with a relayIntervalMs of a month would else look a thousand times a second.
  const ended = await Promise.race([
    systemEnvironment.idle(30 * 86_400_000).then(() => 'ended'),
    sleep(50).then(() => 'waits'),
  ])
  process.off('warning', note)
  expect(ended).toBe('waits')
  expect(warnings).toEqual([])
})
