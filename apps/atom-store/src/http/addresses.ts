import type { PagePlace } from '../store/index.js'

/** Where things are, below `base`. */
export class Addresses {
  readonly #base: string

  constructor(base: string) {
    this.#base = base
  }

  get service(): string {
    return `${this.#base}/service`
  }

  collection(name: string): string {
    return `${this.#base}/${name}`
  }

  page(
    collection: string,
    { after, before, last }: PagePlace,
    extra: Readonly<Record<string, string>> = {},
  ): string {
    const query = new URLSearchParams(extra)
    if (after !== undefined) query.set('after', after)
    if (before !== undefined) query.set('before', before)
    if (last === true) query.set('last', '')
    return query.size === 0
      ? this.collection(collection)
      : `${this.collection(collection)}?${query.toString()}`
  }

  entry(collection: string, name: string): string {
    return `${this.collection(collection)}/${encodeURIComponent(name)}`
  }

  media(collection: string, name: string): string {
    return `${this.entry(collection, name)}/media`
  }
}
