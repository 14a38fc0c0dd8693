import { AsyncLocalStorage } from 'node:async_hooks'
import { processWide } from './process-wide.js'

/** A transaction that is open in this asynchronous flow. */
export interface OpenFlow {
  /** Whose transaction it is. */
  readonly owner: object
  readonly isOpen: () => boolean
}

interface Flow extends OpenFlow {
  readonly outer: Flow | undefined
}

const flows = processWide('storage-core/flows@1', () => new AsyncLocalStorage<Flow>())

/** Lets `work`, and all that it calls, be known to run in a transaction of `owner`. */
export function runInFlow<T>({ owner, isOpen }: OpenFlow, work: () => T): T {
  return flows.run({ owner, isOpen, outer: flows.getStore() }, work)
}

/** The same for what follows in the current flow. */
export function enterFlow({ owner, isOpen }: OpenFlow): void {
  flows.enterWith({ owner, isOpen, outer: flows.getStore() })
}

/**
 * To be called before the flows that `enterFlow` is to tell apart. Node 20 and 22 follow no promise before the first use of
 * an `AsyncLocalStorage`: what waits for those would share the flow of who enters one first.
 */
export function followFlows(): void {
  flows.enterWith(flows.getStore() as Flow)
}

/** Whether the current flow runs in an open transaction of `owner`. */
export function isInFlowOf(owner: object): boolean {
  for (let flow = flows.getStore(); flow !== undefined; flow = flow.outer) {
    if (flow.owner === owner && flow.isOpen()) return true
  }
  return false
}
