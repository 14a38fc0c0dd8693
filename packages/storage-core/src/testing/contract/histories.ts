import assert from 'node:assert/strict'
import { isStorageError } from '../../errors.js'
import type { Storage } from '../../storage.js'
import { HistoryRecorder } from '../history/recorder.js'
import { takeTurns, turns } from './assertions.js'
import { type Fixture, group } from './harness.js'

const WORKERS = 6
const STEPS = 25

export const histories = group('histories', (test) => {
  test('reads and listings of many workers show every acknowledged write', async (fixture) => {
    const recorder = new HistoryRecorder()
    const handles = [fixture.storage, (await fixture.reopen?.()) ?? fixture.storage]
    await Promise.all(
      Array.from({ length: WORKERS }, (_, i) => work(recorder, takeTurns(handles, i), fixture, i)),
    )
    const messages = recorder.violations().map(({ kind, message }) => `${kind}: ${message}`)
    assert.deepEqual(messages, [], 'the history cannot be explained')
  })
})

async function work(
  recorder: HistoryRecorder,
  storage: Storage,
  { collection, info }: Fixture,
  worker: number,
): Promise<void> {
  const random = dice(worker + 1)
  for (let step = 0; step < STEPS; step++) {
    const at = info(`r${random(3)}`)
    const text = `worker ${worker}, step ${step}`
    try {
      const choice = random(10)
      if (choice < 4) await recorder.get(storage, at)
      else if (choice < 7) await recorder.put(storage, at, text)
      else if (choice < 8) await recorder.remove(storage, at)
      else if (choice < 9) await recorder.put(storage, at, text, { ifNoneMatch: '*' })
      else await recorder.list(storage, collection)
    } catch (error) {
      if (!isStorageError(error, 'E_PRECONDITION_FAILED') && !isStorageError(error, 'E_CONFLICT')) throw error
    }
    await turns(random(3))
  }
}

/** Throws the same numbers each time. */
function dice(seed: number): (sides: number) => number {
  let state = Math.imul(seed, 2_654_435_761) >>> 0
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 0x1_0000_0000) * sides)
  }
}
