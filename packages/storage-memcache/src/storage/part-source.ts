import type { Source } from '../coherence/index.js'
import type { DurableReads, PartAddress } from './durable-reads.js'
import type { Content, Found } from './part-form.js'
import type { Settings } from '../settings.js'

/** A part in the storage behind. */
export class PartSource implements Source<Found, Content> {
  readonly softTimeoutMs: number
  readonly whenItFails: 'reject' | 'grace'
  readonly #address: PartAddress
  readonly #durable: DurableReads

  constructor(address: PartAddress, durable: DurableReads, settings: Settings) {
    this.softTimeoutMs = settings.softTimeoutMs
    this.whenItFails = settings.whenStorageFails
    this.#address = address
    this.#durable = durable
  }

  load(onStart: () => void): Promise<Found> {
    onStart()
    return this.#durable.read(this.#address)
  }

  contentOf(part: Found): Content {
    return part ?? { absentSince: 0 }
  }

  /** Reads of one turn go out together, whoever waits. */
  waits(): void {}
}
