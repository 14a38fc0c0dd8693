import type { Repository } from 'typeorm'
import type { Film } from '../film.js'
import type { Way } from './way.js'

export function noCache(films: Repository<Film>): Way {
  return {
    name: 'Without a cache',
    file: 'no-cache.ts',
    topFilms: () => films.find({ order: { rentalRate: 'DESC' }, take: 5 }),
    onChange: async () => {},
  }
}
