import {
  isStorageError,
  MemoryStorage,
  StorageError,
  type ByteSource,
  type CallOptions,
  type ListOptions,
  type ResourceInfo,
  type Storage,
  type StoredPart,
  type WriteOptions,
  type WriteResult,
} from '@larder/storage-core'
import { type PendingWrite } from '@larder/storage-core/driver'
import { Defective, mutant, sharedMutant, type Mutant } from './mutant.js'

class SharesItsBytes extends Defective {
  readonly #parts = new Map<string, StoredPart>()

  override async getContent(info: ResourceInfo, options?: CallOptions) {
    const part = await super.getContent(info, options)
    const known = this.#parts.get(info.key + part.etag)
    if (known === undefined) this.#parts.set(info.key + part.etag, part)
    return known ?? part
  }
}

class KeepsTheWritersBytes extends Defective {
  readonly #written = new Map<string, Buffer>()

  override async putContent(info: ResourceInfo, content: ByteSource, options?: WriteOptions) {
    const result = await super.putContent(info, content, options)
    if (content instanceof Uint8Array) {
      this.#written.set(result.etag, Buffer.from(content.buffer, content.byteOffset, content.length))
    }
    return result
  }

  override async getContent(info: ResourceInfo, options?: CallOptions) {
    const part = await super.getContent(info, options)
    return { ...part, bytes: this.#written.get(part.etag) ?? part.bytes }
  }
}

class StoresTheMemoryAround extends Defective {
  override putContent(info: ResourceInfo, content: ByteSource, options?: WriteOptions) {
    return super.putContent(
      info,
      content instanceof Uint8Array ? new Uint8Array(content.buffer) : content,
      options,
    )
  }
}

class CallsHooksForNothing extends Defective {
  override async removeContent(info: ResourceInfo, options?: WriteOptions) {
    const result = await super.removeContent(info, options)
    if (!result.changed) await options?.transaction?.beforeCommit(pendingOf(info, result))
    return result
  }
}

class CommitsBeforeTheHook extends Defective {
  override async putContent(info: ResourceInfo, content: ByteSource, options?: WriteOptions) {
    const result = await super.putContent(info, content, { ...options, transaction: undefined })
    await options?.transaction?.beforeCommit(pendingOf(info, result))
    return result
  }
}

class CallsHooksWithoutTheLock extends Defective {
  override async putContent(info: ResourceInfo, content: ByteSource, options: WriteOptions = {}) {
    const { transaction, ...rest } = options
    let created = true
    try {
      created = !(await super.exists(info))
    } finally {
      const version = Date.now() * 1_000
      await transaction?.beforeCommit({
        info,
        version,
        written: ['content'],
        removed: [],
        created,
        emptied: false,
      })
    }
    return super.putContent(info, content, rest)
  }
}

class IgnoresCommitBefore extends Defective {
  override putContent(info: ResourceInfo, content: ByteSource, options: WriteOptions = {}) {
    const { transaction, ...rest } = options
    if (transaction === undefined) return super.putContent(info, content, rest)
    const beforeCommit = async (pending: PendingWrite) => {
      await transaction.beforeCommit(pending)
    }
    return super.putContent(info, content, { ...rest, transaction: { beforeCommit } })
  }
}

class HidesTheRowFromReaders extends Defective {
  #writing: Promise<unknown> = Promise.resolve()

  override putContent(info: ResourceInfo, content: ByteSource, options?: WriteOptions) {
    const writing = super.putContent(info, content, options)
    this.#writing = writing.catch(() => undefined)
    return writing
  }

  override async getMany(infos: readonly ResourceInfo[], options?: CallOptions) {
    await this.#writing
    return super.getMany(infos, options)
  }
}

class DropsHooksItCannotRun extends Defective {
  override get supports() {
    return { ...this.inner.supports, transactions: false }
  }

  override putContent(info: ResourceInfo, content: ByteSource, options?: WriteOptions) {
    return super.putContent(info, content, { ...options, transaction: undefined })
  }
}

class PromisesAJournal extends Defective {
  override async putContent(info: ResourceInfo, content: ByteSource, options?: WriteOptions) {
    const { journalId: _, ...written } = await super.putContent(info, content, options)
    return written
  }
}

class ForgetsTheJournal extends Defective {
  override async claim() {
    return 0
  }
}

class SettlesWhatIsOnlyLookedAt extends Defective {
  override claim(...[options, work]: Parameters<Storage['claim']>) {
    return super.claim(options, async (rows) => {
      await work(rows)
      return rows.map(({ id }) => id)
    })
  }
}

class HandsOutYoungRows extends Defective {
  override claim(...[options, work]: Parameters<Storage['claim']>) {
    return super.claim({ ...options, olderThanMs: 0 }, work)
  }
}

class IgnoresSignals extends Defective {
  override putContent(info: ResourceInfo, content: ByteSource, options?: WriteOptions) {
    return super.putContent(info, content, { ...options, signal: undefined })
  }
}

class SaysAbortedOfWhatItDid extends Defective {
  override async putContent(info: ResourceInfo, content: ByteSource, options?: WriteOptions) {
    const result = await super.putContent(info, content, options)
    await new Promise((resolve) => setImmediate(resolve))
    if (options?.signal?.aborted === true) throw new StorageError('E_ABORTED', 'too late')
    return result
  }
}

class NeverCloses extends Defective {
  override async shutdown(): Promise<void> {}
}

class ClosesAtOnce extends Defective {
  override async shutdown(): Promise<void> {
    void super.shutdown()
  }
}

/** Only calls at the same time are told apart, since the suite itself closes twice. */
class ClosesOnceAtATime extends Defective {
  #closing = false

  override async shutdown(): Promise<void> {
    if (this.#closing) throw new StorageError('E_CLOSED', 'closing already')
    this.#closing = true
    await super.shutdown()
    this.#closing = false
  }
}

class RemembersReads extends Defective {
  readonly #known = new Map<string, StoredPart | undefined>()

  override async getMany(infos: readonly ResourceInfo[], options?: CallOptions) {
    const answer = await super.getMany(infos, options)
    return answer.map((part, i) => {
      const key = infos[i]?.key ?? ''
      if (!this.#known.has(key)) this.#known.set(key, part)
      return this.#known.get(key)
    })
  }

  override putContent(info: ResourceInfo, content: ByteSource, options?: WriteOptions) {
    this.#known.delete(info.key)
    return super.putContent(info, content, options)
  }
}

class RemembersListings extends Defective {
  readonly #known = new Map<string, Map<string, ResourceInfo>>()

  override async ls(collection: string, ext?: string | ListOptions) {
    const known = this.#known.get(collection) ?? (await super.ls(collection, ext))
    this.#known.set(collection, known)
    return known
  }

  override putContent(info: ResourceInfo, content: ByteSource, options?: WriteOptions) {
    this.#known.delete(info.collection)
    return super.putContent(info, content, options)
  }
}

class LocksForItselfOnly extends Defective {
  readonly #own = new Map<string, Promise<unknown>>()

  override putContent(info: ResourceInfo, content: ByteSource, options: WriteOptions = {}) {
    const { transaction, ...rest } = options
    const before = this.#own.get(info.key) ?? Promise.resolve()
    const writing = before.then(async () => {
      const version = Date.now() * 1_000
      await transaction?.beforeCommit(pendingOf(info, { version, created: false, emptied: false }))
      return super.putContent(info, content, rest)
    })
    this.#own.set(
      info.key,
      writing.catch((error: unknown) => isStorageError(error)),
    )
    return writing
  }
}

type Outcome = Pick<WriteResult, 'version' | 'created' | 'emptied'>

function pendingOf(info: ResourceInfo, { version, created, emptied }: Outcome): PendingWrite {
  return { info, version, written: ['content'], removed: [], created, emptied }
}

export const MUTANTS_OF_TIME: readonly Mutant[] = [
  mutant('ownership of bytes', 'gives the same bytes to all', () => new SharesItsBytes()),
  mutant('ownership of bytes', "keeps the writer's bytes", () => new KeepsTheWritersBytes()),
  mutant('ownership of bytes', 'stores the memory around a view', () => new StoresTheMemoryAround()),
  mutant('transactions', 'calls hooks for writes that change nothing', () => new CallsHooksForNothing()),
  mutant('transactions', 'commits before the hook', () => new CommitsBeforeTheHook()),
  mutant('transactions', 'calls hooks without the lock', () => new CallsHooksWithoutTheLock()),
  mutant('transactions', 'ignores commitBefore', () => new IgnoresCommitBefore()),
  mutant('transactions', 'blocks readers during a transaction', () => new HidesTheRowFromReaders()),
  mutant('transactions', 'drops hooks that it cannot run', () => new DropsHooksItCannotRun()),
  mutant('journal', 'promises a journal and keeps none', () => new PromisesAJournal()),
  mutant('journal', 'forgets what is not settled', () => new ForgetsTheJournal()),
  mutant('journal', 'settles what is only looked at', () => new SettlesWhatIsOnlyLookedAt()),
  mutant('journal', 'hands out rows that are too young', () => new HandsOutYoungRows()),
  mutant('abort signals', 'ignores signals', () => new IgnoresSignals()),
  mutant('abort signals', 'says aborted of what it did', () => new SaysAbortedOfWhatItDid()),
  mutant('shutdown', 'never closes', () => new NeverCloses()),
  mutant('shutdown', 'closes at once', () => new ClosesAtOnce()),
  mutant('shutdown', 'cannot be closed while it closes', () => new ClosesOnceAtATime()),
  sharedMutant('second handle', 'remembers what it read', (inner) => new RemembersReads(inner)),
  sharedMutant('second handle', 'remembers what it listed', (inner) => new RemembersListings(inner)),
  sharedMutant('second handle', 'locks for itself only', (inner) => new LocksForItselfOnly(inner)),
  mutant(
    'addressing',
    'makes keys of collections alone',
    () => new MemoryStorage({ keyGenerator: (name) => name }),
  ),
]
