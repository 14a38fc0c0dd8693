import type { HeaderPreconditions } from '@larder/storage-core'
import type { EntityManager } from 'typeorm'
import { PRODUCT_TABLE, type Product, type ProductFields, ProductSchema } from './product.js'
import type { Shop } from './shop.js'

const TTL_MS = 600_000
/** Of all lists of products; triggers tell of changes by the name of the table. */
const LISTS = { tag: PRODUCT_TABLE } as const

/** A condition of the request did not hold, or the product is gone. */
export type Refusal = 'precondition-failed' | 'not-found'

/** Products in the database, read through the cache. A write invalidates in its own transaction, or triggers do. */
export class Products {
  readonly #source: Shop['dataSource']
  readonly #queries: Shop['queries']
  readonly #hasTriggers: boolean

  constructor({ dataSource, queries, invalidation }: Shop) {
    this.#source = dataSource
    this.#queries = queries
    this.#hasTriggers = invalidation === 'triggers'
  }

  list(): Promise<readonly Product[]> {
    return this.#queries.cached('products', { tags: [LISTS.tag], ttlMs: TTL_MS }, () =>
      this.#source.getRepository(ProductSchema).find({ order: { id: 'ASC' } }),
    )
  }

  /** A product that is not there is remembered too, as null. */
  find(id: number): Promise<Product | null> {
    return this.#queries.cached(
      keyOf(id),
      { ttlMs: TTL_MS, tags: this.#hasTriggers ? [LISTS.tag] : [] },
      () => this.#source.getRepository(ProductSchema).findOneBy({ id }),
    )
  }

  create(fields: ProductFields): Promise<Product> {
    return this.#source.transaction(async (manager) => {
      const product = await manager.getRepository(ProductSchema).save({ ...fields })
      await this.#invalidate(manager, product.id)
      return product
    })
  }

  change(id: number, fields: ProductFields, conditions: HeaderPreconditions): Promise<Product | Refusal> {
    return this.#write(id, conditions, (manager, product) =>
      manager.getRepository(ProductSchema).save({ ...product, ...fields }),
    )
  }

  remove(id: number, conditions: HeaderPreconditions): Promise<Product | Refusal> {
    return this.#write(id, conditions, async (manager, product) => {
      await manager.getRepository(ProductSchema).delete(id)
      return product
    })
  }

  /** Compares with the row itself, locked where the database has locks: what is cached decides nothing. */
  #write(
    id: number,
    conditions: HeaderPreconditions,
    write: (manager: EntityManager, product: Product) => Promise<Product>,
  ): Promise<Product | Refusal> {
    const isSqlite = this.#source.options.type === 'better-sqlite3'
    const lock = isSqlite ? {} : { lock: { mode: 'pessimistic_write' } as const }
    return this.#source.transaction(async (manager) => {
      const product = await manager.getRepository(ProductSchema).findOne({ where: { id }, ...lock })
      if (!isMet(conditions, product)) return 'precondition-failed'
      if (product === null) return 'not-found'
      const written = await write(manager, product)
      await this.#invalidate(manager, id)
      return written
    })
  }

  async #invalidate(manager: EntityManager, id: number): Promise<void> {
    if (!this.#hasTriggers) await this.#queries.invalidateWith(manager, keyOf(id), LISTS)
  }
}

/** The entity tag of a product. */
export function etagOf({ version }: Product): string {
  return `"${version}"`
}

function isMet({ ifMatch, ifNoneMatch }: HeaderPreconditions, product: Product | null): boolean {
  const etag = product && etagOf(product)
  if (ifMatch !== undefined && (etag === null || (ifMatch !== '*' && !ifMatch.includes(etag)))) return false
  if (ifNoneMatch === undefined) return true
  return etag === null || (ifNoneMatch !== '*' && !ifNoneMatch.includes(etag))
}

function keyOf(id: number): string {
  return `product-${id}`
}
