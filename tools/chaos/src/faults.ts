import type { Step } from './steps.js'

/** Which processes a network fault is for: they come by two ways, so that some see a server that others have lost. */
export type Side = 'left' | 'right' | 'both'

export const NETWORK_FAULTS = [
  'cut',
  'delay',
  'lag',
  'halves',
  'truncate',
  'hold',
  'blackhole',
  'refuse',
] as const

export type NetworkFaultKind = (typeof NETWORK_FAULTS)[number]

/** `amount`: milliseconds each way for `delay` and `lag`, bytes for `halves` and `truncate`. */
export interface NetworkFault {
  readonly how: NetworkFaultKind
  readonly amount: number
}

/** What is done to a process. `worker` is an index. */
export type ProcessFault =
  | { readonly kind: 'kill'; readonly worker: number }
  | { readonly kind: 'kill at'; readonly worker: number; readonly step: Step }
  | { readonly kind: 'stop'; readonly worker: number; readonly ms: number }
  | { readonly kind: 'stop at'; readonly worker: number; readonly step: Step; readonly ms: number }

/** What is done to servers and the ways to them. `server` is an index of a memcached. */
export type ServerFault =
  | { readonly kind: 'memcached restarts'; readonly server: number }
  | { readonly kind: 'memcached is down'; readonly server: number; readonly ms: number }
  | { readonly kind: 'memcached stands still'; readonly server: number; readonly ms: number }
  | { readonly kind: 'flood'; readonly ms: number }
  | ({ readonly kind: 'cache network'; readonly server: number } & NetworkFault & Lasting)
  | ({ readonly kind: 'database network' } & NetworkFault & Lasting)
  | { readonly kind: 'database restarts' }
  | { readonly kind: 'database is killed' }

interface Lasting {
  readonly side: Side
  readonly ms: number
}

export type Fault = ProcessFault | ServerFault

/** By which the faults of a run are counted. */
export function labelOf(fault: Fault): string {
  switch (fault.kind) {
    case 'kill at':
      return `kill ${fault.step}`
    case 'stop at':
      return `stop ${fault.step}`
    case 'cache network':
    case 'database network':
      return `${fault.kind}: ${fault.how}`
    default:
      return fault.kind
  }
}

/** For a person. */
export function describe(fault: Fault): string {
  const { kind: _, ...details } = fault
  const told = Object.entries(details).filter(([name]) => name !== 'step' && name !== 'how')
  return [labelOf(fault), ...told.map(([name, value]) => `${name} ${value}`)].join(', ')
}
