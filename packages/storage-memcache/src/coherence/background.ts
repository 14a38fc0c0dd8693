import { AsyncResource } from 'node:async_hooks'

const background = new AsyncResource('larder:background')

/** Runs what goes on behind the backs of callers: it belongs to the trace of none of them. */
export function inBackground(work: () => void): void {
  background.runInAsyncScope(work)
}
