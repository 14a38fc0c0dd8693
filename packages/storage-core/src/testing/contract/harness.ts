import type { ResourceInfo } from '../../resource.js'
import type { Storage, StorageFeatures } from '../../storage.js'
import { soon } from './assertions.js'

/** The part of a test runner that the suites need; those of vitest, jest, mocha and `node:test` fit. */
export interface TestRunner {
  readonly describe: (name: string, body: () => void) => unknown
  readonly test: (name: string, body: () => Promise<void>) => unknown
}

/** What `open()` hands to one test. */
export interface OpenedStorage {
  readonly storage: Storage
  /** Another handle on the same data, as another process would open it. Closed with the test. */
  readonly reopen?: (() => Promise<Storage>) | undefined
  /** Releases what `storage.shutdown()` does not. Runs last, also after a failed test. */
  readonly close?: (() => Promise<void>) | undefined
}

export interface ContractOptions extends TestRunner {
  /**
   * Called once a test. Data of earlier tests may still be there: every test works in collections of its own.
   */
  readonly open: () => Promise<OpenedStorage>
}

/** What a test of the contract works with. */
export interface Fixture {
  readonly storage: Storage
  readonly supports: StorageFeatures
  /** A collection name that no other test uses. */
  readonly collection: string
  /** Another collection of this test's own. */
  readonly otherCollection: () => string
  /** The address of a resource in `collection`. */
  readonly info: (resource?: string) => ResourceInfo
  /** Undefined where there are no second handles. */
  readonly reopen: (() => Promise<Storage>) | undefined
}

export type ContractTest = (name: string, body: (fixture: Fixture) => Promise<void>) => void

/** Some tests about one thing. */
export interface ContractGroup {
  readonly name: string
  readonly define: (test: ContractTest) => void
}

export function group(name: string, define: (test: ContractTest) => void): ContractGroup {
  return { name, define }
}

/** Tells a group to a runner. */
export function runGroup({ name, define }: ContractGroup, { describe, test, open }: ContractOptions): void {
  describe(name, () => {
    define((title, body) => test(title, () => runTest(open, body)))
  })
}

let names = 0

async function runTest(
  open: ContractOptions['open'],
  body: (fixture: Fixture) => Promise<void>,
): Promise<void> {
  const opened = await open()
  const { reopen } = opened
  const handles = [opened.storage]
  // Unlike any name of another run on the same data.
  const base = `contract-${Date.now().toString(36)}-${process.pid}-${++names}`
  let others = 0
  const fixture: Fixture = {
    storage: opened.storage,
    supports: opened.storage.supports,
    collection: base,
    otherCollection: () => `${base}-other-${++others}`,
    info: (resource = 'resource') => opened.storage.info(base, resource),
    reopen: reopen && (async () => remember(handles, await reopen())),
  }
  try {
    await body(fixture)
    await soon(shutDown(handles), 'the shutdown after the test')
  } catch (error) {
    // The failure of the test says more than what may follow from it.
    await soon(shutDown(handles), '').catch(() => undefined)
    throw error
  } finally {
    await opened.close?.()
  }
}

async function shutDown(handles: readonly Storage[]): Promise<void> {
  await Promise.all(handles.map((handle) => handle.shutdown()))
}

function remember<T>(list: T[], item: T): T {
  list.push(item)
  return item
}
