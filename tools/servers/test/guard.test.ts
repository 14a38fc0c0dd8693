import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
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

test('servers and folders are removed when their process is killed', async () => {
  const { parent, started } = await startInAnotherProcess('wait')
  expect(started.length).toBe(4)
  expect(started.every(({ pid, folder }) => isRunning(pid) && existsSync(folder))).toBeTruthy()
  parent.kill('SIGKILL')
  expect(await eventually(() => allGone(started))).toBeTruthy()
})

test('servers and folders are removed when the whole process group is killed', async () => {
  const { parent, started } = await startInAnotherProcess('wait')
  expect.assert(parent.pid !== undefined)
  process.kill(-parent.pid, 'SIGKILL')
  expect(await eventually(() => allGone(started))).toBeTruthy()
})

test('a process that forgot to stop its servers ends, and they end with it', async () => {
  const { parent, started } = await startInAnotherProcess('end')
  await once(parent, 'exit')
  expect(parent.exitCode).toBe(0)
  expect(await eventually(() => allGone(started))).toBeTruthy()
})
