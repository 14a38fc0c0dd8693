import { type WriteResult } from '@larder/storage-core'
import { type DriverCall, KeyedMutex, type WriteRequest } from '@larder/storage-core/driver'
import { forward, resourceWrite } from './forward.js'
import { GuardedWrite, type InTurn, type WriterParts } from './guarded-write.js'
import { OwnErrors } from './own-errors.js'
import { laneOf } from '../listing/index.js'
import { settleAll } from '../coherence/index.js'

/** What writes go through, from their lock to their acknowledgement. */
export class ProxyWriter {
  readonly #parts: WriterParts

  constructor(parts: WriterParts) {
    this.#parts = parts
  }

  /** In a transaction, where the storage has them; else the marks are the lock, from before the write until after it. */
  async write(request: WriteRequest, call: DriverCall): Promise<WriteResult> {
    const { storage } = this.#parts
    const write = new GuardedWrite(request, this.#parts, new OwnErrors())
    if (!storage.supports.transactions) await write.lock(call.signal)
    const transaction = storage.supports.transactions ? write.hook() : undefined
    let result: WriteResult
    try {
      result = await forward(storage, request, write.recorder, { ...call, transaction })
    } catch (cause) {
      const error = write.meaningOf(cause)
      await write.giveUp(error)
      throw error
    }
    return write.acknowledge(result)
  }

  /** In one transaction: the marks of all stand before it commits, so that nobody sees one new and another old. */
  async writeMany(requests: readonly WriteRequest[], call: DriverCall): Promise<WriteResult[]> {
    const { storage } = this.#parts
    const lanes = new KeyedMutex()
    const room = { left: this.#parts.settings.maxCachedBytes }
    const ownErrors = new OwnErrors()
    const writes = requests.map((request, i) => {
      const inTurn: InTurn = (work) => lanes.run(laneOf(i), work)
      return { inTurn, write: new GuardedWrite(request, this.#parts, ownErrors, room) }
    })
    let results: WriteResult[]
    try {
      const forwarded = writes.map(({ inTurn, write }) => resourceWrite(write, write.hook(inTurn)))
      results = await storage.writeMany(forwarded, call)
    } catch (cause) {
      // All are committed together, if at all.
      const error = writes.reduce<unknown>((told, { write }) => write.meaningOf(told), cause)
      for (const { write } of writes) write.end()
      // In lanes of their own: marks that are on their way take care of themselves.
      const after = new KeyedMutex()
      await settleAll(writes.map(({ write }, i) => after.run(laneOf(i), () => write.giveUp(error))))
      throw error
    }
    const { env, settings } = this.#parts
    const confirmBy = env.now() + settings.confirmTimeoutMs
    const acknowledged = writes.map(async ({ inTurn, write }, i) => {
      const result = results[i]
      if (result === undefined) throw new TypeError('The storage behind did not answer every write')
      return inTurn(() => write.acknowledge(result, confirmBy))
    })
    return settleAll(acknowledged)
  }
}
