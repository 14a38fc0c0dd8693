/** An item as memcached keeps it. */
export interface StoredItem {
  readonly value: Buffer
  readonly flags: number
  /** Counted from 1 in each process of a server, so that a restart gives the same numbers out again. */
  readonly cas: number
  readonly expiresAt: number
}

export interface StoreRequest {
  readonly value: Uint8Array
  readonly flags: number
  /** Whole seconds; 0: for ever. */
  readonly exptime: number
  /** In the place of the number that the server would give. */
  readonly ownCas?: number | undefined
}

/** The items of one memcached process: what its commands do, without any wire. */
export class ItemStore {
  readonly #now: () => number
  readonly #maxItemBytes: number
  readonly #items = new Map<string, StoredItem>()
  #lastCas = 0

  constructor(now: () => number, maxItemBytes: number) {
    this.#now = now
    this.#maxItemBytes = maxItemBytes
  }

  get(key: string): StoredItem | undefined {
    const item = this.#items.get(key)
    if (item === undefined || this.#now() < item.expiresAt) return item
    this.#items.delete(key)
    return undefined
  }

  keys(): string[] {
    return [...this.#items.keys()].filter((key) => this.get(key) !== undefined)
  }

  /** The items whose time has come since this was asked last. */
  expire(): readonly (readonly [string, StoredItem])[] {
    const expired = [...this.#items].filter(([, { expiresAt }]) => this.#now() >= expiresAt)
    for (const [key] of expired) this.#items.delete(key)
    return expired
  }

  set(key: string, { value, flags, exptime, ownCas }: StoreRequest): number {
    const cas = ownCas ?? ++this.#lastCas
    this.#items.set(key, { value: Buffer.from(value), flags, cas, expiresAt: this.#expiry(exptime) })
    return cas
  }

  cas(key: string, request: StoreRequest, cas: number): number | 'exists' | 'not-found' {
    const item = this.get(key)
    if (item === undefined) return 'not-found'
    return item.cas === cas ? this.set(key, request) : 'exists'
  }

  /** Undefined: no such item. What would grow too large stays as it was. */
  join(key: string, value: Uint8Array, where: 'front' | 'end'): 'stored' | 'too-large' | undefined {
    const item = this.get(key)
    if (item === undefined) return undefined
    if (item.value.length + value.length > this.#maxItemBytes) return 'too-large'
    const joined = Buffer.concat(where === 'end' ? [item.value, value] : [value, item.value])
    this.#items.set(key, { ...item, value: joined, cas: ++this.#lastCas })
    return 'stored'
  }

  delete(key: string, cas: number | undefined): 'deleted' | 'exists' | 'not-found' {
    const item = this.get(key)
    if (item === undefined) return 'not-found'
    if (cas !== undefined && item.cas !== cas) return 'exists'
    this.#items.delete(key)
    return 'deleted'
  }

  touch(key: string, exptime: number): boolean {
    const item = this.get(key)
    if (item !== undefined) this.#items.set(key, { ...item, expiresAt: this.#expiry(exptime) })
    return item !== undefined
  }

  /** By a clock of whole seconds: N seconds last between N - 1 and N. */
  #expiry(exptime: number): number {
    return exptime === 0 ? Infinity : (Math.floor(this.#now() / 1000) + exptime) * 1000
  }
}
