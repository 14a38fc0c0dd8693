import { Opcode } from '../../protocol/index.js'
import type { Count, KeyCommand, KeyKind, WireItem } from '../commands.js'

/** The expiry that tells increment and decrement to leave a missing counter alone (protocol_binary.xml). */
const NEVER_CREATE = 0xffff_ffff
const NO_EXTRAS: readonly number[] = []

/** How a command about one key is written: its opcode, and its extras in words of 32 bits. */
type BinaryRequests = {
  readonly [K in KeyKind]:
    | {
        readonly opcode: (command: KeyCommand<K>) => number
        readonly extras: (command: KeyCommand<K>) => readonly number[]
      }
    | undefined
}

/** Undefined: the protocol has no such command. */
export const BINARY_REQUESTS: BinaryRequests = {
  get: {
    opcode: ({ exptime }) => (exptime === undefined ? Opcode.get : Opcode.getAndTouch),
    extras: ({ exptime }) => (exptime === undefined ? NO_EXTRAS : [exptime]),
  },
  state: { opcode: () => Opcode.get, extras: noExtras },
  peek: undefined,
  set: { opcode: () => Opcode.set, extras: itemExtras },
  put: { opcode: () => Opcode.set, extras: itemExtras },
  add: { opcode: () => Opcode.add, extras: itemExtras },
  replace: { opcode: () => Opcode.replace, extras: itemExtras },
  append: { opcode: () => Opcode.append, extras: noExtras },
  prepend: { opcode: () => Opcode.prepend, extras: noExtras },
  // A set with a CAS is the protocol's cas.
  cas: { opcode: () => Opcode.set, extras: itemExtras },
  delete: { opcode: () => Opcode.delete, extras: noExtras },
  touch: { opcode: () => Opcode.touch, extras: ({ exptime }) => [exptime] },
  count: {
    opcode: ({ delta }) => (delta < 0n ? Opcode.decrement : Opcode.increment),
    extras: countExtras,
  },
}

function noExtras(): readonly number[] {
  return NO_EXTRAS
}

function itemExtras({ flags, exptime }: WireItem): readonly number[] {
  return [flags, exptime]
}

function countExtras({ delta, initial, exptime }: Count): readonly number[] {
  const words = [...halves(delta < 0n ? -delta : delta), ...halves(initial ?? 0n)]
  return [...words, initial === undefined ? NEVER_CREATE : exptime]
}

function halves(value: bigint): readonly number[] {
  return [Number(value >> 32n), Number(value & 0xffff_ffffn)]
}
