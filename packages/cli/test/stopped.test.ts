import { run } from '@larder/cli'
import { callChannel, type CallEvent } from '@larder/storage-core'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { LARDER, Workplace } from './larder.js'

const FILES = 60

/** Stops a command when so many calls of this kind have ended, of a collection that no other test uses. */
async function stoppedAfter(
  calls: number,
  operation: string,
  collection: string,
  command: (stop: AbortController) => Promise<{ readonly code: number | null; readonly err: string }>,
) {
  const stop = new AbortController()
  let left = calls
  const count = (message: unknown): void => {
    const event = message as CallEvent
    if (event.operation === operation && event.collection === collection && --left === 0) stop.abort()
  }
  subscribe(callChannel.asyncEnd.name, count)
  try {
    return await command(stop)
  } finally {
    unsubscribe(callChannel.asyncEnd.name, count)
  }
}

async function fill(place: Workplace): Promise<void> {
  await place.run(['migrate'])
  await mkdir(place.path('site'))
  for (let i = 0; i < FILES; i++) await writeFile(place.path(`site/${i}`), String(i).repeat(50_000))
}

test('an import that is stopped leaves whole resources, and tells how many', async () => {
  await using place = await Workplace.open()
  await fill(place)
  const { code, err } = await stoppedAfter(5, 'put', 'half-imported', (stop) =>
    place.run(['import', place.path('site'), 'half-imported'], '', false, stop),
  )
  expect(code).toBe(130)
  const told = /^stopped after (\d+) resources, /.exec(err)
  const names = (await place.run(['ls', 'half-imported', '--no-cache'])).out.split('\n').filter(Boolean)
  expect.assert(names.length >= Number(told?.[1]) && names.length < FILES, `${names.length}, ${err}`)
  for (const name of names) {
    const { out } = await place.run(['get', 'half-imported', name, '--no-cache'])
    expect(out).toBe(name.repeat(50_000))
  }
})

test('after Ctrl-C the report stands below the progress bar', async () => {
  await using place = await Workplace.open()
  await fill(place)
  const { code, err } = await stoppedAfter(5, 'put', 'bar-stopped', (stop) =>
    place.run(['import', place.path('site'), 'bar-stopped'], '', true, stop),
  )
  expect(code).toBe(130)
  const summary = /stopped after \d+ resources, [^\n]*\n/.exec(err)
  expect.assert(summary, err)
  // An escape sequence behind it would move the cursor or clear the line.
  const behind = err.slice(summary.index + summary[0].length)
  expect(behind.includes('\u001b'), JSON.stringify(behind)).toBeFalsy()
})

test('an export that is stopped leaves whole files', async () => {
  await using place = await Workplace.open()
  await fill(place)
  await place.run(['import', place.path('site'), 'half-exported'])
  const { code, err } = await stoppedAfter(20, 'openContent', 'half-exported', (stop) =>
    place.run(['export', 'half-exported', place.path('copy')], '', false, stop),
  )
  expect(code).toBe(130)
  expect(err).toMatch(/^stopped after \d+ resources?, /)
  const names = await readdir(place.path('copy'))
  expect(names.length).toBeLessThan(FILES)
  for (const name of names)
    expect(await readFile(place.path(`copy/${name}`), 'utf8')).toBe(name.repeat(50_000))
})

test('standard input is stored completely or not at all', async () => {
  await using place = await Workplace.open()
  await place.run(['migrate'])
  const stop = new AbortController()
  async function* half(): AsyncGenerator<Uint8Array, void, undefined> {
    yield Buffer.from('half')
    stop.abort()
    await once(stop.signal, 'never', { signal: stop.signal }).catch(() => undefined)
    yield Buffer.from('and half')
  }
  expect((await place.run(['put', 'pages', 'a'], half(), false, stop)).code).toBe(130)
  expect((await place.run(['get', 'pages', 'a'])).code).toBe(3)
  async function* broken(): AsyncGenerator<Uint8Array, void, undefined> {
    yield Buffer.from('half')
    throw new Error('the disk is gone')
  }
  const failed = await place.run(['put', 'pages', 'a'], broken())
  expect(failed.code).toBe(1)
  expect(failed.err).toMatch(/the disk is gone/)
  expect((await place.run(['get', 'pages', 'a'])).code).toBe(3)
})

test('get -o leaves the file as it was until it has all', async () => {
  await using place = await Workplace.open()
  await place.run(['migrate'])
  await place.run(['put', 'half-got', 'a'], 'new'.repeat(1_000_000))
  await writeFile(place.path('a'), 'old')
  const get = ['get', 'half-got', 'a', '-o', place.path('a')]
  const stopped = await stoppedAfter(1, 'openContent', 'half-got', (stop) => place.run(get, '', false, stop))
  expect(stopped.code).toBe(130)
  expect(await readFile(place.path('a'), 'utf8')).toBe('old')
  expect((await readdir(place.folder)).filter((name) => name.startsWith('a'))).toEqual(['a'])
  expect((await place.run(get)).code).toBe(0)
  expect((await readFile(place.path('a'), 'utf8')).length).toBe(3_000_000)
})

test('Ctrl-C ends the process with 130, whatever it is writing', async () => {
  await using place = await Workplace.open()
  await place.run(['migrate'])
  await place.run(['put', 'pages', 'large'], 'x'.repeat(5_000_000))
  const env = { PATH: process.env['PATH'], ...place.env }
  const child = spawn(process.execPath, [LARDER, 'get', 'pages', 'large'], { env })
  const ended = once(child, 'close')
  const err = text(child.stderr)
  // More than a pipe holds: it waits for who reads no further.
  await once(child.stdout, 'readable')
  child.kill('SIGINT')
  await once(child, 'exit')
  child.stdout.resume()
  expect(await ended).toEqual([130, null])
  expect(await err).toBe('')
})

test('an output that cannot be written is reported', async () => {
  await using place = await Workplace.open()
  await place.run(['migrate'])
  await place.run(['put', 'pages', 'a'], 'x')
  const readOnly = openSync(LARDER, 'r')
  const env = { PATH: process.env['PATH'], ...place.env }
  const child = spawn(process.execPath, [LARDER, 'get', 'pages', 'a'], {
    env,
    stdio: ['ignore', readOnly, 'pipe'],
  })
  closeSync(readOnly)
  const [err, [code]] = await Promise.all([
    text(child.stderr as NonNullable<typeof child.stderr>),
    once(child, 'close'),
  ])
  expect(code).toBe(1)
  expect(err).toMatch(/^The output cannot be written: EBADF/)
})

test('a reader that is slow costs no listener, and much at once no warning', async () => {
  await using place = await Workplace.open()
  await place.run(['migrate'])
  await mkdir(place.path('site'))
  for (let i = 0; i < 20; i++) await writeFile(place.path(`site/${i}`), Buffer.alloc(1_200_000, i))
  expect(await place.spawn(['import', 'site', 'pages'])).toEqual({
    code: 0,
    out: '20 resources stored, 24.0 MB\n',
    err: '',
  })
  await place.run(['put', 'pages', 'large', '--no-cache'], 'x'.repeat(8_000_000))
  const stdout = new PassThrough({ highWaterMark: 1 })
  const before = stdout.listenerCount('close')
  const counts: number[] = []
  const read = (async () => {
    let bytes = 0
    for await (const chunk of stdout as AsyncIterable<Buffer>) {
      bytes += chunk.length
      counts.push(stdout.listenerCount('close'))
    }
    return bytes
  })()
  const { signal } = new AbortController()
  const streams = { stdin: Readable.from([]), stdout, stderr: new PassThrough() }
  expect(await run(['get', 'pages', 'large', '--no-cache'], { env: place.env, ...streams, signal })).toBe(0)
  stdout.end()
  expect(await read).toBe(8_000_000)
  // Who reads has some of his own; each piece would leave one more.
  expect.assert(counts.length >= 10 && Math.max(...counts) <= before + 6, counts.join(' '))
})
