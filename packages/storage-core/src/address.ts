import type { PartName, ResourceInfo } from './resource.js'

/**
 * A `ResourceInfo` that computes its key when it is first asked for, since a listing of a million members makes a
 * million of them and most keys are never looked at.
 */
export class Address implements ResourceInfo {
  readonly collection: string
  readonly resource: string | undefined
  readonly #owner: AddressMaker
  #key: string | undefined
  #inner: ResourceInfo | undefined
  #contentKey: string | undefined
  #metadataKey: string | undefined

  constructor(owner: AddressMaker, collection: string, resource: string | undefined) {
    this.#owner = owner
    this.collection = collection
    this.resource = resource
  }

  /** Whether that driver made this info, so that its key is one of the driver's. */
  isOf(owner: AddressMaker): boolean {
    return this.#owner === owner
  }

  get key(): string {
    return (this.#key ??= this.#owner.keyOf(this.collection, this.resource))
  }

  /** The address in the storage behind; only on infos of a proxy. */
  get inner(): ResourceInfo | undefined {
    return (this.#inner ??= this.#owner.innerOf?.(this.collection, this.resource))
  }

  /** What a part is cached under; only on infos of a proxy. A program that keeps an info reads by it many times. */
  partKey(part: PartName): string | undefined {
    return part === 'content'
      ? (this.#contentKey ??= this.#owner.partKeyOf?.(this.key, part))
      : (this.#metadataKey ??= this.#owner.partKeyOf?.(this.key, part))
  }
}

/** Makes the keys of its infos. Must be pure. */
export interface AddressMaker {
  keyOf(collection: string, resource: string | undefined): string
  innerOf?(collection: string, resource: string | undefined): ResourceInfo
  partKeyOf?(key: string, part: PartName): string
}
