import type { Lock } from '../../lock/index.js'
import { soon } from '../contract/assertions.js'
import type { TestRunner } from '../contract/harness.js'

/** What `open()` hands to one test. */
export interface OpenedLock {
  readonly lock: Lock
  /** Another lock over the same servers, as another process would have it. Closed with the test. */
  readonly another: () => Promise<Lock>
  /** Whether the locks have fencing numbers. */
  readonly fencing: boolean
  /** Lets the servers forget every lock that is held: by an eviction, a restart, or by ending connections. */
  readonly forget: () => Promise<void>
  /** Releases what `lock.close()` does not. Runs last, also after a failed test. */
  readonly close?: (() => Promise<void>) | undefined
}

export interface LockContractOptions extends TestRunner {
  /** Called once a test. Every test has lock names of its own. */
  readonly open: () => Promise<OpenedLock>
}

/** What a test works with. */
export interface LockFixture {
  readonly lock: Lock
  readonly another: () => Promise<Lock>
  readonly fencing: boolean
  readonly forget: () => Promise<void>
  /** A name of this test's own. */
  readonly name: string
}

export type LockTest = (name: string, body: (fixture: LockFixture) => Promise<void>) => void

/** Some tests about one thing. */
export interface LockGroup {
  readonly name: string
  readonly define: (test: LockTest) => void
}

export function lockGroup(name: string, define: (test: LockTest) => void): LockGroup {
  return { name, define }
}

let names = 0

export function runLockGroup(
  { name, define }: LockGroup,
  { describe, test, open }: LockContractOptions,
): void {
  describe(name, () => {
    define((title, body) => test(title, () => runTest(open, body)))
  })
}

async function runTest(
  open: LockContractOptions['open'],
  body: (fixture: LockFixture) => Promise<void>,
): Promise<void> {
  const { lock, another, fencing, forget, close } = await open()
  const locks = [lock]
  const fixture: LockFixture = {
    lock,
    another: async () => {
      const opened = await another()
      locks.push(opened)
      return opened
    },
    fencing,
    forget,
    name: `lock-contract-${Date.now().toString(36)}-${process.pid}-${++names}`,
  }
  const closeAll = () => soon(Promise.all(locks.map((each) => each.close())), 'closing after the test')
  try {
    await body(fixture)
    await closeAll()
  } catch (error) {
    // The failure of the test says more than what may follow from it.
    await closeAll().catch(() => undefined)
    throw error
  } finally {
    await close?.()
  }
}

/** Resolves when the signal fires. */
export async function fired(signal: AbortSignal, what: string): Promise<void> {
  if (signal.aborted) return
  const firing = new Promise<void>((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true }),
  )
  await soon(firing, what)
}

/** Real time, for what is about time itself. */
export function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** For what is looked at later: a test that fails before leaves no unhandled rejection. */
export function meanwhile<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined)
  return work
}
