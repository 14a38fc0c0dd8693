import { EntitySchema, EntitySchemaOptions } from 'typeorm'

/** A row of `film`, as far as this program goes. */
export interface Film {
  readonly id: number
  readonly title: string
  /** A text where the database's driver keeps decimals exact. */
  readonly rentalRate: number | string
}

export const FilmSchema = new EntitySchema<Film>(
  Object.assign(new EntitySchemaOptions<Film>(), {
    name: 'Film',
    tableName: 'film',
    columns: {
      id: { name: 'film_id', type: 'int', primary: true },
      title: { type: 'varchar' },
      rentalRate: { name: 'rental_rate', type: 'decimal', precision: 4, scale: 2 },
    },
  } as const),
)
