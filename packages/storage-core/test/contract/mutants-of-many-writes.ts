import type { CallOptions, ResourceWrite, WriteResult } from '@larder/storage-core'
import type { CommitTerms, PendingWrite, TransactionHook } from '@larder/storage-core/driver'
import { Defective, type Mutant, mutant } from './mutant.js'

class WritesOneAfterTheOther extends Defective {
  override async writeMany(writes: readonly ResourceWrite[], options?: CallOptions) {
    const results: WriteResult[] = []
    for (const write of writes) results.push(...(await super.writeMany([write], options)))
    return results
  }
}

class WritesAllByThemselves extends Defective {
  override async writeMany(writes: readonly ResourceWrite[], options?: CallOptions) {
    const results = await Promise.all(writes.map((write) => super.writeMany([write], options)))
    return results.flat()
  }
}

class AnswersInItsOwnOrder extends Defective {
  override async writeMany(writes: readonly ResourceWrite[], options?: CallOptions) {
    return (await super.writeMany(writes, options)).reverse()
  }
}

class WritesInItsOwnOrder extends Defective {
  override async writeMany(writes: readonly ResourceWrite[], options?: CallOptions) {
    return (await super.writeMany([...writes].reverse(), options)).reverse()
  }
}

class PassesOverRemovals extends Defective {
  override async writeMany(writes: readonly ResourceWrite[], options?: CallOptions) {
    return super.writeMany(
      writes.map((write) => ({ ...write, metadata: write.metadata ?? undefined }) as ResourceWrite),
      options,
    )
  }
}

class HearsConditionsOfTheFirst extends Defective {
  override async writeMany(writes: readonly ResourceWrite[], options?: CallOptions) {
    const [first, ...rest] = writes
    const free = rest.map((write) => ({ ...write, ifMatch: undefined, ifNoneMatch: undefined }))
    return super.writeMany(first === undefined ? [] : [first, ...free], options)
  }
}

class TakesTheLastOfTwo extends Defective {
  override async writeMany(writes: readonly ResourceWrite[], options?: CallOptions) {
    const last = new Map(writes.map((write) => [write.info.key, write]))
    return super.writeMany([...last.values()], options)
  }
}

class SaysItCannot extends Defective {
  override get supports() {
    return { ...this.inner.supports, atomicMany: false }
  }
}

/** Wraps the hooks of all writes. */
abstract class Hooked extends Defective {
  override async writeMany(writes: readonly ResourceWrite[], options?: CallOptions) {
    const wrapped = writes.map((write, i) => {
      const { transaction } = write
      return transaction === undefined ? write : { ...write, transaction: this.wrap(transaction, i) }
    })
    return super.writeMany(wrapped, options)
  }

  abstract wrap(hook: TransactionHook, index: number): TransactionHook | undefined
}

class CallsHooksOneByOne extends Hooked {
  #before: Promise<CommitTerms | void> = Promise.resolve()

  wrap(hook: TransactionHook) {
    const next = (pending: PendingWrite) => {
      this.#before = this.#before.then(() => hook.beforeCommit(pending))
      return this.#before
    }
    return { journal: hook.journal, beforeCommit: next }
  }
}

class CallsOnlyTheFirstHook extends Hooked {
  wrap(hook: TransactionHook, index: number) {
    return index === 0 ? hook : undefined
  }
}

class LeavesHooksBehind extends Hooked {
  wrap(hook: TransactionHook) {
    const left = async (pending: PendingWrite) => {
      const first = await Promise.race([hook.beforeCommit(pending), Promise.resolve('still there' as const)])
      return first === 'still there' ? undefined : first
    }
    return { journal: hook.journal, beforeCommit: left }
  }
}

class HearsTheTermsOfTheLast extends Hooked {
  wrap(hook: TransactionHook, index: number) {
    const first = async (pending: PendingWrite) => {
      const terms = await hook.beforeCommit(pending)
      return index === 0 ? undefined : terms
    }
    return { journal: hook.journal, beforeCommit: first }
  }
}

class JournalsTheFirst extends Hooked {
  wrap(hook: TransactionHook, index: number) {
    return index === 0 ? hook : { ...hook, journal: undefined }
  }
}

class IgnoresTheSignal extends Defective {
  override async writeMany(writes: readonly ResourceWrite[]) {
    return super.writeMany(writes)
  }
}

const MANY = 'writeMany'
const INSIDE = 'writeMany in a transaction'

export const MUTANTS_OF_MANY_WRITES: readonly Mutant[] = [
  mutant(MANY, 'writes one after the other', () => new WritesOneAfterTheOther()),
  mutant(MANY, 'answers in an order of its own', () => new AnswersInItsOwnOrder()),
  mutant(MANY, 'writes in an order of its own', () => new WritesInItsOwnOrder()),
  mutant(MANY, 'passes over removals', () => new PassesOverRemovals()),
  mutant(MANY, 'hears only the conditions of the first', () => new HearsConditionsOfTheFirst()),
  mutant(MANY, 'takes the last of two writes of a resource', () => new TakesTheLastOfTwo()),
  mutant(MANY, 'says that it cannot, and does', () => new SaysItCannot()),
  mutant(INSIDE, 'writes each by itself, all at once', () => new WritesAllByThemselves()),
  mutant(INSIDE, 'calls hooks one by one', () => new CallsHooksOneByOne()),
  mutant(INSIDE, 'calls only the first hook', () => new CallsOnlyTheFirstHook()),
  mutant(INSIDE, 'does not wait for hooks', () => new LeavesHooksBehind()),
  mutant(INSIDE, 'hears only the terms of the last hook', () => new HearsTheTermsOfTheLast()),
  mutant(INSIDE, 'journals only the first', () => new JournalsTheFirst()),
  mutant(INSIDE, 'ignores signals', () => new IgnoresTheSignal()),
]
