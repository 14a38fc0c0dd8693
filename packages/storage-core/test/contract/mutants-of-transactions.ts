import {
  MemoryStorage,
  type ResourceInfo,
  StorageError,
  type StorageTransaction,
  type TransactionOptions,
  type TransactionResult,
} from '@larder/storage-core'
import { collect, type Participant } from '@larder/storage-core/driver'
import { ForwardingStorage } from '@larder/storage-core/testing'
import { Defective, type Mutant, mutant } from './mutant.js'

type Work<T> = (tx: StorageTransaction) => Promise<T>

/** A transaction with a defect. */
class BoundDefect extends ForwardingStorage implements StorageTransaction {
  constructor(readonly tx: StorageTransaction) {
    super(tx)
  }

  get native() {
    return this.tx.native
  }

  get outcome() {
    return this.tx.outcome
  }

  journal(keys: readonly string[]) {
    return this.tx.journal(keys)
  }

  enlist(participant: Participant) {
    this.tx.enlist(participant)
  }

  invalidate: StorageTransaction['invalidate'] = (queries, ...targets) =>
    this.tx.invalidate(queries, ...targets)
}

/** Gives another `tx` to the work. */
function withBound(make: (tx: StorageTransaction) => StorageTransaction) {
  return class extends Defective {
    override transaction<T>(work: Work<T>, options?: TransactionOptions) {
      return super.transaction((tx) => work(make(tx)), options)
    }
  }
}

class RunsItUnprotected extends Defective {
  override async transaction<T>(work: Work<T>): Promise<TransactionResult<T>> {
    const unprotected = new (class extends BoundDefect {
      override transaction = this.inner.transaction.bind(this.inner) as never
    })(this.inner as StorageTransaction)
    return { value: await work(unprotected), cacheInvalidated: true }
  }
}

class CommitsWhatFailed extends Defective {
  override async transaction<T>(work: Work<T>, options?: TransactionOptions) {
    let failure: { readonly error: unknown } | undefined
    const result = await super.transaction(async (tx) => {
      try {
        return await work(tx)
      } catch (error) {
        failure = { error }
        return undefined as T
      }
    }, options)
    if (failure !== undefined) throw failure.error
    return result
  }
}

class SaysThatAllWereTold extends Defective {
  override async transaction<T>(work: Work<T>, options?: TransactionOptions) {
    return { ...(await super.transaction(work, options)), cacheInvalidated: true }
  }
}

class HearsNoOptions extends Defective {
  override transaction<T>(work: Work<T>) {
    return super.transaction(work)
  }
}

class SaysItCannot extends Defective {
  override get supports() {
    return { ...this.inner.supports, interactiveTransactions: false }
  }
}

class SaysItCan extends Defective {
  override get supports() {
    return { ...this.inner.supports, interactiveTransactions: true }
  }

  override async transaction<T>(): Promise<TransactionResult<T>> {
    throw new StorageError('E_UNSUPPORTED', 'not really')
  }
}

class ReadsWhatIsCommitted extends BoundDefect {
  constructor(
    tx: StorageTransaction,
    readonly committed: ForwardingStorage['inner'],
  ) {
    super(tx)
  }

  override getContent(info: ResourceInfo) {
    return this.committed.getContent(info)
  }
}

class FlattensNested extends BoundDefect {
  override async transaction<T>(work: Work<T>): Promise<TransactionResult<T>> {
    return { value: await work(this), cacheInvalidated: true }
  }
}

class ForgetsHooks extends BoundDefect {
  override putContent(...[info, content, options]: Parameters<ForwardingStorage['putContent']>) {
    return super.putContent(info, content, { ...options, transaction: undefined })
  }
}

class ForgetsConditions extends BoundDefect {
  override putContent(...[info, content, options]: Parameters<ForwardingStorage['putContent']>) {
    return super.putContent(info, content, { transaction: options?.transaction })
  }
}

class ReadsSourcesItself extends BoundDefect {
  override async putContent(...[info, content, options]: Parameters<ForwardingStorage['putContent']>) {
    const isIterable = typeof content === 'object' && Symbol.asyncIterator in content
    return super.putContent(info, isIterable ? await collect(content) : content, options)
  }
}

class JournalsAtOnce extends BoundDefect {
  constructor(
    tx: StorageTransaction,
    readonly beside: ForwardingStorage['inner'],
  ) {
    super(tx)
  }

  override async journal(keys: readonly string[]) {
    const transaction = { journal: keys, beforeCommit: async () => undefined }
    const { journalId = '' } = await new Promise<{ journalId?: string | undefined }>((resolve, reject) => {
      // In no transaction's flow.
      void this.beside.putContent(this.info('journal', 'x'), 'x', { transaction }).then(resolve, reject)
    })
    return journalId
  }
}

class EnlistsTwice extends BoundDefect {
  override enlist(participant: Participant) {
    this.tx.enlist(participant)
    this.tx.enlist(participant)
  }
}

class CallsNobodyAfterwards extends BoundDefect {
  override enlist(participant: Participant) {
    this.tx.enlist({
      closing: async () => participant.closing?.(),
      beforeCommit: async () => participant.beforeCommit?.(),
    })
  }
}

class ClosesTheDoorLate extends BoundDefect {
  override enlist() {}
}

function bound(group: string, that: string, make: (tx: StorageTransaction) => StorageTransaction): Mutant {
  return mutant(group, that, () => new (withBound(make))())
}

function besides(
  group: string,
  that: string,
  make: (tx: StorageTransaction, storage: MemoryStorage) => StorageTransaction,
): Mutant {
  return mutant(group, that, () => {
    const memory = new MemoryStorage()
    return new (withBound((tx) => make(tx, memory)))(memory)
  })
}

const DURING = 'transaction'
const END = 'the end of a transaction'
const STALLS = 'a transaction that stalls'

export const MUTANTS_OF_TRANSACTIONS: readonly Mutant[] = [
  mutant(DURING, 'runs the work without a transaction', () => new RunsItUnprotected()),
  mutant(DURING, 'commits what the work had written when it failed', () => new CommitsWhatFailed()),
  mutant(DURING, 'hears no options', () => new HearsNoOptions()),
  mutant(DURING, 'says that it cannot, and does', () => new SaysItCannot()),
  mutant(DURING, 'says that it can, and does not', () => new SaysItCan()),
  besides(DURING, 'reads what is committed', (tx, memory) => new ReadsWhatIsCommitted(tx, memory)),
  bound(DURING, 'ignores preconditions', (tx) => new ForgetsConditions(tx)),
  mutant(END, 'says that all caches were told', () => new SaysThatAllWereTold()),
  bound(END, 'keeps what a nested one had written when it failed', (tx) => new FlattensNested(tx)),
  bound(END, 'calls no hooks', (tx) => new ForgetsHooks(tx)),
  besides(END, 'journals past the transaction', (tx, memory) => new JournalsAtOnce(tx, memory)),
  bound(END, 'calls a participant twice', (tx) => new EnlistsTwice(tx)),
  bound(END, 'calls no participant after the end', (tx) => new CallsNobodyAfterwards(tx)),
  bound(END, 'calls no participant', (tx) => new ClosesTheDoorLate(tx)),
  bound(STALLS, 'reads sources by itself', (tx) => new ReadsSourcesItself(tx)),
]
