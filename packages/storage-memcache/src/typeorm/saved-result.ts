import type { Fence, SlotAddress } from '../coherence/index.js'
import type { StoredResult } from '../query/index.js'
import { answerNextQuery, intervalParserOf } from './next-query.js'
import type { CachedQueryResult } from './query-result-cache-options.js'
import { encodeRecords, PLAIN_RECORDS } from './record-codec.js'

/** What `getFromCache` hands to TypeORM for a query that is to be sent, and gets back with its result. */
export class Leased implements CachedQueryResult {
  readonly duration = 0
  readonly address: SlotAddress
  readonly fence: Fence
  readonly runner: object | undefined
  /** The rows of the driver, before TypeORM makes JSON of them. */
  records: unknown

  constructor(address: SlotAddress, fence: Fence, runner: object | undefined) {
    this.address = address
    this.fence = fence
    this.runner = runner
  }

  /** Keeps the rows of the query that follows. */
  beforeQuery(): true {
    if (this.runner !== undefined) {
      answerNextQuery(this.runner, async (run) => {
        const result = await run()
        this.records = result?.records
        return result
      })
    }
    return true
  }

  /** What is stored; undefined where a value could not be restored. */
  encode(options: CachedQueryResult): StoredResult {
    if (this.records !== undefined) return encodeRecords(this.records, intervalParserOf(this.runner))
    return { bytes: Buffer.from(String(options.result)), flags: PLAIN_RECORDS }
  }
}

/** What `getFromCache` hands to TypeORM for rows that JSON cannot carry: they are the answer to its next query. */
export class Restored implements CachedQueryResult {
  readonly duration = 0
  readonly records: unknown[]
  readonly runner: object

  constructor(records: unknown[], runner: object) {
    this.records = records
    this.runner = runner
  }

  /** Answers the query that follows. */
  beforeQuery(): true {
    answerNextQuery(this.runner, () => Promise.resolve({ records: this.records, raw: this.records }))
    return true
  }
}
