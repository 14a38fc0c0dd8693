import { isStorageError, type OptionTable } from '@larder/storage-core/base'
import type { CallOptions } from '../cache.js'
import { routesOf, type Route } from './batch-members.js'
import { ClientCore } from './client-core.js'
import { routeOf, type ClientKey } from './client-keys.js'
import type { BatchAnswers, ClientCallOptions } from './client-options.js'
import { sideBySide } from './side-by-side.js'

/** How many questions of one batch are under way at once: each has its own time-out, and may wait for a place. */
const QUESTIONS_AT_ONCE = 500

/** What is common to the commands about many keys. */
export interface Batch<Key, Member> {
  readonly command: string
  readonly table: OptionTable
  readonly options: ClientCallOptions | undefined
  /** The members, after all of them were checked. */
  readonly prepare: () => readonly Member[]
  readonly keyOf: (member: Member) => Key
}

/** Asks for all members that share a route, and gives the answer for each by its place; throws what one failed with. */
export type AskTogether<Member, Value> = (
  wireKeys: readonly string[],
  call: CallOptions,
  members: readonly Member[],
) => Promise<(i: number, wireKey: string) => Value | undefined>

/** Asks for one member. */
export type AskOne<Member, Value> = (
  wireKey: string,
  call: CallOptions,
  member: Member,
) => Promise<Value | undefined>

/** A member of a batch, with its key as it is on the wire. */
interface Addressed<Member> {
  readonly member: Member
  readonly wireKey: string
}

/** A batch whose keys are known, and the answers so far. */
interface Asking<Key, Member, Value> {
  readonly addressed: readonly Addressed<Member>[]
  readonly keyOf: (member: Member) => Key
  readonly call: CallOptions
  readonly answers: Answers<Key, Value>
}

/** Runs the commands about many keys. A failure concerns the keys that were asked for together, and no others. */
export class BatchRunner {
  readonly #core: ClientCore

  constructor(core: ClientCore) {
    this.#core = core
  }

  /** The cache is asked for many keys at once. */
  inOneCommand<Key extends ClientKey, Member, Value>(
    batch: Batch<Key, Member>,
    ask: AskTogether<Member, Value>,
  ): Promise<BatchAnswers<Key, Value>> {
    return this.#run<Key, Member, Value>(batch, async (asking) => {
      const routes = routesOf(asking.addressed, ({ member }) => asking.keyOf(member))
      await sideBySide(routes, QUESTIONS_AT_ONCE, (route) => askRoute(route, asking, ask))
    })
  }

  /** The cache is asked for each key by itself; the connection sends these commands together. */
  each<Key extends ClientKey, Member, Value>(
    batch: Batch<Key, Member>,
    ask: AskOne<Member, Value>,
  ): Promise<BatchAnswers<Key, Value>> {
    return this.#run<Key, Member, Value>(batch, async ({ addressed, keyOf, call, answers }) => {
      await sideBySide(addressed, QUESTIONS_AT_ONCE, async ({ member, wireKey }) => {
        const key = keyOf(member)
        try {
          answers.take(key, await ask(wireKey, routedBy(call, routeOf(key)), member))
        } catch (error) {
          answers.fail(key, error)
        }
      })
    })
  }

  async #run<Key extends ClientKey, Member, Value>(
    { command, table, options, prepare, keyOf }: Batch<Key, Member>,
    ask: (asking: Asking<Key, Member, Value>) => Promise<void>,
  ): Promise<BatchAnswers<Key, Value>> {
    let members: readonly Member[] = []
    let invalid: Error | undefined
    try {
      members = prepare()
    } catch (error) {
      invalid = error as Error
    }
    const allFailed = (reason: Error): BatchAnswers<Key, Value> => ({
      values: new Map<Key, Value>(),
      failed: new Map(members.map((member) => [keyOf(member), reason])),
    })
    return this.#core.run(command, members.length, table, options, allFailed, async () => {
      if (invalid !== undefined) throw invalid
      const wireKeys = await this.#core.wireKeys(members.map(keyOf), options).catch((reason: unknown) => {
        if (ClientCore.isForgivable(reason)) return reason
        throw reason
      })
      if (wireKeys instanceof Error) return allFailed(wireKeys)
      const addressed = members.map((member, i) => ({ member, wireKey: wireKeys[i] as string }))
      const call = { signal: options?.signal, batch: options?.batch ?? {} }
      const answers = new Answers<Key, Value>()
      await ask({ addressed, keyOf, call, answers })
      return answers
    })
  }
}

async function askRoute<Key, Member, Value>(
  { routeBy, members }: Route<Addressed<Member>>,
  { keyOf, call, answers }: Asking<Key, Member, Value>,
  ask: AskTogether<Member, Value>,
): Promise<void> {
  const wireKeys = members.map(({ wireKey }) => wireKey)
  let answerOf: (i: number, wireKey: string) => Value | undefined
  try {
    answerOf = await ask(
      wireKeys,
      routedBy(call, routeBy),
      members.map(({ member }) => member),
    )
  } catch (error) {
    if (!ClientCore.isForgivable(error)) throw error
    for (const { member } of members) answers.fail(keyOf(member), error)
    return
  }
  for (const [i, { member, wireKey }] of members.entries()) {
    const key = keyOf(member)
    try {
      answers.take(key, answerOf(i, wireKey))
    } catch (error) {
      answers.fail(key, error)
    }
  }
}

function routedBy(call: CallOptions, routeBy: CallOptions['routeBy']): CallOptions {
  return routeBy === undefined ? call : { ...call, routeBy }
}

/** The answers of a batch, which come one by one. */
class Answers<Key, Value> implements BatchAnswers<Key, Value> {
  readonly values = new Map<Key, Value>()
  readonly failed = new Map<Key, Error>()

  take(key: Key, value: Value | undefined): void {
    if (value !== undefined) this.values.set(key, value)
  }

  /** Throws what concerns all keys: a closed client, or an aborted call. */
  fail(key: Key, error: unknown): void {
    if (isStorageError(error, 'E_ABORTED') || isStorageError(error, 'E_CLOSED')) throw error
    this.failed.set(key, error as Error)
  }
}
