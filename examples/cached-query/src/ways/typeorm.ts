import type { MemcacheQueryResultCache } from '@larder/storage-memcache/typeorm'
import type { Repository } from 'typeorm'
import type { Film } from '../film.js'
import { TTL_MS, type Way } from './way.js'

export function typeorm(films: Repository<Film>, cache: MemcacheQueryResultCache): Way {
  return {
    name: "With TypeORM's cache option, or .cache() of a query builder",
    file: 'typeorm.ts',
    topFilms: () =>
      films.find({
        order: { rentalRate: 'DESC' },
        take: 5,
        cache: { id: 'top5films', milliseconds: TTL_MS },
      }),
    onChange: (tables) => cache.invalidateTables(tables),
  }
}
