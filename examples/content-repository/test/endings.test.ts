import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, existsSync, openSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Storage } from '@larder/storage-core'
import { SqlStorage } from '@larder/storage-sql'
import { expect, onTestFinished, test } from 'vitest'
import {
  type Example,
  outcomeOf,
  rowOf,
  runExample,
  startExample,
  WITHOUT_MEMCACHED,
} from './support/example.js'
import { newFolder, newManyFiles } from './support/folder.js'

const COUNT = 3_000

/** The lines until, and with, that many files have been told of as stored. */
async function linesUntilStored(example: Example, files: number): Promise<string[]> {
  const lines: string[] = []
  let stored = 0
  for await (const line of createInterface(example.stdout)) {
    lines.push(line)
    if (line.startsWith('stored ') && ++stored === files) break
  }
  expect(stored).toBe(files)
  return lines
}

function portOf(lines: readonly string[]): number {
  return Number(/memcached at 127\.0\.0\.1:(\d+), started/.exec(lines.join('\n'))?.[1])
}

async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

const STORED = /^stored +(?<name>".*") sha-256:(?<digest>\w{64})$/

/** The files that were told of as stored: the name as JSON, the digest in hexadecimal. */
function acknowledged(lines: readonly string[]): { readonly name: string; readonly digest: string }[] {
  return lines.flatMap((line) => {
    const { name, digest } = STORED.exec(line)?.groups ?? {}
    return name === undefined || digest === undefined ? [] : [{ name: JSON.parse(name) as string, digest }]
  })
}

async function digestOfStored(storage: Storage, collection: string, name: string): Promise<string> {
  const { bytes } = await storage.getContent(storage.info(collection, name))
  return digestOf(bytes)
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

async function expectNoTemporaryFolder(lines: readonly string[]): Promise<void> {
  const place = /SQLite, .*\/(?<name>[^/]+)\/repository\.sqlite \(temporary/.exec(lines.join('\n'))?.groups?.[
    'name'
  ]
  expect(place).toBeDefined()
  expect(await readdir(tmpdir())).not.toContain(place)
}

test('a killed import has stored every file that it reported, each completely', async () => {
  const [folder, data] = [await newManyFiles(COUNT), await newFolder()]
  const example = startExample([folder, '--data', data, '--verbose'], WITHOUT_MEMCACHED)
  const lines = await linesUntilStored(example, 500)
  example.kill('SIGKILL')
  await once(example, 'close')

  await using storage = await SqlStorage.open({ url: `sqlite:${join(data, 'repository.sqlite')}` })
  const told = acknowledged(lines)
  expect(told).toHaveLength(500)
  for (const { name, digest } of told) expect(await digestOfStored(storage, folder, name)).toBe(digest)
  const names = [...(await storage.ls(folder)).keys()]
  expect(names.length).toBeLessThan(COUNT)
  for (const name of names) {
    const { bytes } = await storage.getMetaData(storage.info(folder, name))
    expect(JSON.parse(bytes.toString())).toMatchObject({ mediaType: 'text/plain' })
    const original = await readFile(join(folder, name))
    expect(await digestOfStored(storage, folder, name)).toBe(digestOf(original))
  }

  const outcome = await runExample([folder, '--data', data], WITHOUT_MEMCACHED)
  expect(outcome).toMatchObject({ code: 0, stderr: '' })
  expect(rowOf('import', outcome).operations).toBe(COUNT)
  expect(outcome.stdout).toContain(`${COUNT.toLocaleString('en-US')} resources`)
})

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s stops the import, the memcached and the temporary folder', async (signal, code) => {
  const example = startExample([await newManyFiles(COUNT), '--verbose'])
  const lines = await linesUntilStored(example, 20)
  const port = portOf(lines)
  expect(await isOpen(port)).toBe(true)
  const ended = outcomeOf(example)
  example.kill(signal)
  const outcome = await ended
  expect(outcome).toMatchObject({ code, stderr: 'Stopped.\n' })
  expect(await isOpen(port)).toBe(false)
  await expectNoTemporaryFolder(lines)
})

test('a closed pipe stops it as quietly, and as clean', async () => {
  const example = startExample([await newManyFiles(COUNT), '--verbose'])
  const lines = await linesUntilStored(example, 20)
  const ended = outcomeOf(example)
  example.stdout.destroy()
  expect(await ended).toMatchObject({ code: 141, stderr: '' })
  expect(await isOpen(portOf(lines))).toBe(false)
  await expectNoTemporaryFolder(lines)
})

test.runIf(existsSync('/dev/full'))('a full disk under the output is reported', async () => {
  const full = openSync('/dev/full', 'w')
  onTestFinished(() => closeSync(full))
  const [folder, TMPDIR] = [await newManyFiles(COUNT), await newFolder()]
  const outcome = await outcomeOf(startExample([folder, '--verbose'], { ...WITHOUT_MEMCACHED, TMPDIR }, full))
  expect(outcome.code).toBe(1)
  expect(outcome.stderr).toMatch(/^The output cannot be written: .*ENOSPC.*\n$/)
  // The first line is early: the database may just be opening.
  expect(await readdir(TMPDIR)).toEqual([])
})

test.each(['postgres', 'mysql'])('SIGINT ends the wait for a %s that never answers', async (kind) => {
  const sockets: Socket[] = []
  const silent = createServer((socket) => void sockets.push(socket)).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    silent.close()
  })
  const { port } = silent.address() as AddressInfo
  const DATABASE_URL = `${kind}://user:secret@127.0.0.1:${port}/larder`
  const example = startExample([await newFolder()], { ...WITHOUT_MEMCACHED, DATABASE_URL })
  const ended = outcomeOf(example)
  await once(silent, 'connection')
  const stoppedAt = performance.now()
  example.kill('SIGINT')
  expect(await ended).toMatchObject({ code: 130, stdout: '' })
  // The database's own deadline is five seconds.
  expect(performance.now() - stoppedAt).toBeLessThan(4_000)
})

test('the memcached ends with a program that is killed', async () => {
  const [folder, data] = [await newManyFiles(COUNT), await newFolder()]
  const example = startExample([folder, '--data', data, '--verbose'])
  const port = portOf(await linesUntilStored(example, 20))
  example.kill('SIGKILL')
  await once(example, 'close')
  while (await isOpen(port)) await sleep(20)
})
