import { CachedQuery, type QueryCache } from '@larder/storage-memcache'
import type { DataSource } from 'typeorm'

export interface Bestseller {
  readonly title: string
  readonly rentals: number | string
}

/** The films that a store has rented out most: a query with an argument, over three tables. */
export function bestsellers(
  database: DataSource,
  queries: QueryCache,
): CachedQuery<[store: number], Bestseller[]> {
  return new CachedQuery(queries, {
    name: 'bestsellers',
    tags: ['film', 'inventory', 'rental'],
    load: (store: number) =>
      database
        .createQueryBuilder()
        .select('film.title', 'title')
        .addSelect('COUNT(*)', 'rentals')
        .from('rental', 'rental')
        .innerJoin('inventory', 'inventory', 'inventory.inventory_id = rental.inventory_id')
        .innerJoin('film', 'film', 'film.film_id = inventory.film_id')
        .where('inventory.store_id = :store', { store })
        .groupBy('film.title')
        .orderBy('COUNT(*)', 'DESC')
        .addOrderBy('film.title')
        .limit(3)
        .getRawMany<Bestseller>(),
  })
}
