import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { test } from 'vitest'
import { DATABASES } from './databases.js'

const FLOWS = fileURLToPath(new URL('fixtures/flows.mjs', import.meta.url))

// In a process of its own: something else may have made Node follow asynchronous flows here.
test('a write beside the first transaction of a program is not taken for a part of it', async () => {
  await using place = await DATABASES.postgres()
  await promisify(execFile)(process.execPath, [FLOWS, place.url])
})
