import type { StoreKind } from '../../transport/index.js'
import { exactExptime } from '../exact-server.js'
import { lastArguments, settled, type Callback } from './callbacks.js'
import { Runner } from './runner.js'

/** Opcodes of the binary protocol, by which serializers tell commands apart. */
const Opcode = { get: 0x00, put: 0x01, add: 0x02, replace: 0x03, append: 0x0e, prepend: 0x0f } as const
const FLAGS_BYTES = 4

/** What `get` resolves to; a miss is null and null. */
export interface Found {
  readonly value: Buffer | null
  readonly flags: Buffer | null
}

/** Options of a store. */
export interface StoreOptions {
  /** Seconds; more than 30 days is a Unix time. */
  readonly expires?: number
}

/** Options of a counter. */
export interface CountOptions extends StoreOptions {
  /** What a missing counter is created with. Default: 0. */
  readonly initial?: number
}

/** What `increment` and `decrement` resolve to. */
export interface Counted {
  readonly success: boolean
  readonly value: number
}

/** Of commands that tell whether they did something; null with an error. */
export type DoneCallback = Callback<[success: boolean | null]>
/** Of `increment` and `decrement`: whether the counter exists, and its new value. */
export type CountCallback = Callback<[success: boolean | null, value: number | null]>
/** Of `get`: the bytes and flags of the item, both null for a miss. */
export type FoundCallback = Callback<[value: Buffer | null, flags: Buffer | null]>

/** The commands about keys: without a callback they answer with a promise. */
export abstract class KeyCommands extends Runner {
  get(key: string): Promise<Found>
  get(key: string, callback: FoundCallback): undefined
  get(key: string, callback?: FoundCallback): Promise<Found> | undefined {
    const reading = this.ask(key, (wire) => {
      const as = (item: { readonly value: Buffer; readonly flags: number }): Found => {
        const { serializer } = this.options
        const { value, extras } = serializer.deserialize(Opcode.get, item.value, word(item.flags))
        return { value: value as Buffer, flags: extras }
      }
      return { kind: 'get', key: wire, as, exptime: undefined } as const
    })
    const answer = reading.then((found) => found ?? { value: null, flags: null })
    return settled(answer, callback, ({ value, flags }) => [value, flags])
  }

  set(key: string, value: unknown, options?: StoreOptions | null): Promise<boolean>
  set(key: string, value: unknown, options: StoreOptions, callback: DoneCallback): undefined
  set(key: string, value: unknown, callback: DoneCallback, expires?: number): undefined
  set(key: string, value: unknown, ...rest: readonly unknown[]): Promise<boolean> | undefined {
    return this.#store('put', key, value, rest)
  }

  /** `false`: there is something. */
  add(key: string, value: unknown, options?: StoreOptions | null): Promise<boolean>
  add(key: string, value: unknown, options: StoreOptions, callback: DoneCallback): undefined
  add(key: string, value: unknown, callback: DoneCallback, expires?: number): undefined
  add(key: string, value: unknown, ...rest: readonly unknown[]): Promise<boolean> | undefined {
    return this.#store('add', key, value, rest)
  }

  /** `false`: there is nothing. */
  replace(key: string, value: unknown, options?: StoreOptions | null): Promise<boolean>
  replace(key: string, value: unknown, options: StoreOptions, callback: DoneCallback): undefined
  replace(key: string, value: unknown, callback: DoneCallback, expires?: number): undefined
  replace(key: string, value: unknown, ...rest: readonly unknown[]): Promise<boolean> | undefined {
    return this.#store('replace', key, value, rest)
  }

  delete(key: string): Promise<boolean>
  delete(key: string, callback: DoneCallback): undefined
  delete(key: string, callback?: DoneCallback): Promise<boolean> | undefined {
    const asked = this.ask(key, (wire) => ({ kind: 'delete', key: wire, token: undefined }) as const)
    const answer = asked.then((found) => found === 'deleted')
    return settled(answer, callback, (success) => [success])
  }

  increment(key: string, amount: number, options?: CountOptions | null): Promise<Counted>
  increment(key: string, amount: number, options: CountOptions, callback: CountCallback): undefined
  increment(
    key: string,
    amount: number,
    callback: CountCallback,
    expires?: number,
    initial?: number,
  ): undefined
  increment(key: string, amount: number, ...rest: readonly unknown[]): Promise<Counted> | undefined {
    return this.#count(key, 1n, amount, rest)
  }

  /** Stops at 0. */
  decrement(key: string, amount: number, options?: CountOptions | null): Promise<Counted>
  decrement(key: string, amount: number, options: CountOptions, callback: CountCallback): undefined
  decrement(
    key: string,
    amount: number,
    callback: CountCallback,
    expires?: number,
    initial?: number,
  ): undefined
  decrement(key: string, amount: number, ...rest: readonly unknown[]): Promise<Counted> | undefined {
    return this.#count(key, -1n, amount, rest)
  }

  append(key: string, value: unknown): Promise<boolean>
  append(key: string, value: unknown, callback: DoneCallback): undefined
  append(key: string, value: unknown, callback?: DoneCallback): Promise<boolean> | undefined {
    return this.#store('append', key, value, [{}, callback])
  }

  prepend(key: string, value: unknown): Promise<boolean>
  prepend(key: string, value: unknown, callback: DoneCallback): undefined
  prepend(key: string, value: unknown, callback?: DoneCallback): Promise<boolean> | undefined {
    return this.#store('prepend', key, value, [{}, callback])
  }

  touch(key: string, expires: number): Promise<boolean>
  touch(key: string, expires: number, callback: DoneCallback): undefined
  touch(key: string, expires: number, callback?: DoneCallback): Promise<boolean> | undefined {
    const asked = this.ask(key, (wire) => {
      return { kind: 'touch', key: wire, exptime: this.#exptime(expires) } as const
    })
    return settled(asked, callback, (success) => [success])
  }

  #store(
    kind: Exclude<StoreKind, 'set'>,
    key: string,
    given: unknown,
    rest: readonly unknown[],
  ): Promise<boolean> | undefined {
    const { options, callback } = lastArguments(rest, ['expires'])
    const asked = this.ask(key, (wire) => {
      const extras = Buffer.concat([word(0), word(this.#exptime(options['expires']))])
      const made = this.options.serializer.serialize(Opcode[kind], given, extras)
      const value = typeof made.value === 'string' ? Buffer.from(made.value) : made.value
      if (!(value instanceof Uint8Array))
        throw new TypeError(`A value must be text or a Buffer, got ${typeof value}`)
      const [flags, exptime] = [made.extras.readUInt32BE(0), made.extras.readUInt32BE(FLAGS_BYTES)]
      return { kind, key: wire, value, flags, exptime } as const
    })
    const answer = asked.then((stored) => stored !== undefined && stored !== false)
    return settled(answer, callback, (success) => [success])
  }

  #count(
    key: string,
    direction: bigint,
    amount: number,
    rest: readonly unknown[],
  ): Promise<Counted> | undefined {
    const { options, callback } = lastArguments(rest, ['expires', 'initial'])
    const asked = this.ask(key, (wire) => {
      if (amount < 0) throw new RangeError(`The amount must not be negative, got ${amount}`)
      const initial = BigInt((options['initial'] as number | undefined) ?? 0)
      const exptime = this.#exptime(options['expires'])
      return { kind: 'count', key: wire, delta: direction * BigInt(amount), initial, exptime } as const
    })
    const answer = asked.then((sum) => ({ success: true, value: Number(sum) }))
    return settled(answer, callback, ({ success, value }) => [success, value])
  }

  #exptime(expires: unknown): number {
    return exactExptime(Number(expires) || this.options.expires)
  }
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
