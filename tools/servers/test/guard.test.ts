import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { test } from 'vitest'
import { eventually, isRunning } from './support.js'

const fixture = fileURLToPath(new URL('./fixtures/start-all.mjs', import.meta.url))

interface Started {
  readonly pid: number
  readonly folder: string
}

async function startInAnotherProcess(
  then: string,
): Promise<{ parent: ReturnType<typeof spawn>; started: Started[] }> {
  const parent = spawn(process.execPath, [fixture, then], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string]
  return { parent, started: JSON.parse(line) as Started[] }
}

function allGone(started: readonly Started[]): boolean {
  return started.every(({ pid, folder }) => !isRunning(pid) && !existsSync(folder))
}

test('servers and folders go when their process is killed', async () => {
  const { parent, started } = await startInAnotherProcess('wait')
  assert.equal(started.length, 4)
  assert.ok(started.every(({ pid, folder }) => isRunning(pid) && existsSync(folder)))
  parent.kill('SIGKILL')
  assert.ok(await eventually(() => allGone(started)))
})

test('servers and folders go when the whole process group is killed', async () => {
  const { parent, started } = await startInAnotherProcess('wait')
  assert.ok(parent.pid !== undefined)
  process.kill(-parent.pid, 'SIGKILL')
  assert.ok(await eventually(() => allGone(started)))
})

test('a process that forgot to stop its servers ends, and they end with it', async () => {
  const { parent, started } = await startInAnotherProcess('end')
  await once(parent, 'exit')
  assert.equal(parent.exitCode, 0)
  assert.ok(await eventually(() => allGone(started)))
})
