import type { QueryCache } from '@larder/storage-memcache'
import type { Repository } from 'typeorm'
import type { Film } from '../film.js'
import { TTL_MS, type Way } from './way.js'

export function helper(films: Repository<Film>, queries: QueryCache): Way {
  return {
    name: 'With the helper, cached(key, options, loader)',
    file: 'helper.ts',
    topFilms: () =>
      queries.cached('top5films', { ttlMs: TTL_MS, tags: ['film'] }, () =>
        films.find({ order: { rentalRate: 'DESC' }, take: 5 }),
      ),
    onChange: (tables) => queries.invalidate(...tables.map((tag) => ({ tag }))),
  }
}
