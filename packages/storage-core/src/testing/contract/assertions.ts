import assert from 'node:assert/strict'
import type { StorageErrorCode } from '../../error-codes.js'
import { isStorageError } from '../../errors.js'
import type { ResourceInfo } from '../../resource.js'
import type { Storage } from '../../storage.js'

/** Long for any storage that answers, short for someone who waits for a test that hangs. */
const PATIENCE_MS = 10_000

export function textOf({ bytes }: { readonly bytes: Uint8Array }): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
}

export async function contentOf(storage: Storage, info: ResourceInfo): Promise<string | undefined> {
  const [part] = await storage.getMany([info])
  return part && textOf(part)
}

export async function metadataOf(storage: Storage, info: ResourceInfo): Promise<string | undefined> {
  const [part] = await storage.getMany([info], { part: 'metadata' })
  return part && textOf(part)
}

export async function namesOf(storage: Storage, collection: string, ext?: string): Promise<string[]> {
  return [...(await storage.ls(collection, ext)).keys()]
}

/** That the collection has these members and no others, with these contents. */
export async function assertContents(
  storage: Storage,
  collection: string,
  contents: Readonly<Record<string, string>>,
): Promise<void> {
  assert.deepEqual(await namesOf(storage, collection), Object.keys(contents).sort())
  for (const [name, text] of Object.entries(contents)) {
    assert.equal(await contentOf(storage, storage.info(collection, name)), text)
  }
}

export async function assertCode(
  answer: Promise<unknown>,
  ...codes: readonly StorageErrorCode[]
): Promise<void> {
  await assert.rejects(answer, (error: unknown) => {
    assertHasCode(error, ...codes)
    return true
  })
}

export function assertHasCode(error: unknown, ...codes: readonly StorageErrorCode[]): void {
  assert.ok(isStorageError(error), `expected a StorageError, not ${String(error)}`)
  assert.ok(codes.includes(error.code), `expected ${codes.join(' or ')}, not ${error.code}: ${error.message}`)
}

/** A bad argument: thrown at the call or rejected, but a `TypeError` or `RangeError` either way. */
export async function assertRefused(call: () => unknown, what = 'a bad argument'): Promise<void> {
  await assert.rejects(
    async () => call(),
    (error: unknown) => {
      assert.ok(error instanceof TypeError || error instanceof RangeError, `${what} gave ${String(error)}`)
      return true
    },
    `${what} was accepted`,
  )
}

/** Fails instead of waiting for ever, and says for what. */
export async function soon<T>(answer: Promise<T>, what: string, patienceMs = PATIENCE_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new assert.AssertionError({ message: `${what}: no answer` })), patienceMs)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Lets everything go on that can without waiting for a timer. */
export async function turns(count = 10): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** What a loop over `make()` sees first. */
export async function firstOf<T>(make: () => AsyncIterable<T>): Promise<T | undefined> {
  for await (const item of make()) return item
  return undefined
}

/** Spreads calls over handles. */
export function takeTurns<T>(handles: readonly T[], turn: number): T {
  const handle = handles[turn % handles.length]
  assert.ok(handle !== undefined)
  return handle
}

/** Bytes that look random and are the same each time. */
export function noise(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = seed
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

export function assertSameBytes(actual: Uint8Array, expected: Uint8Array, what = 'the bytes'): void {
  assert.equal(actual.length, expected.length, `${what} have another length`)
  assert.ok(Buffer.compare(actual, expected) === 0, `${what} differ`)
}

/** The same promise, whose rejection is no unhandled one where an assertion fails before the test waits for it. */
export function awaitedLater<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}
