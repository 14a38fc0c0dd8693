import { type DataSource, type QueryRunner, Table } from 'typeorm'

export const TABLES = ['film', 'inventory', 'rental'] as const

const FILMS = 1_000
const ROWS_AT_ONCE = 500
const DAY_MS = 86_400_000
const FIRST_RENTAL = Date.UTC(2026, 0, 1)
const RATES = [0.99, 2.99, 4.99]
/** Of these there is one film each. */
const TOP_RATES = [9.99, 8.99, 7.99, 6.99, 5.99]
const ATTRIBUTES = 'AMBER BROKEN CRIMSON DISTANT ELECTRIC FROZEN GOLDEN HOLLOW IRON JADED'.split(' ')
const SUBJECTS = 'ANCHOR BALCONY CARNIVAL DESERT ENGINE FERRY GARDEN HARBOR ISLAND JOURNEY'.split(' ')
const ENDINGS = 'AFFAIR BALLAD CODE DREAMS ECHO FEVER GAMBIT HEIST IDENTITY JUSTICE'.split(' ')

type Row = Readonly<Record<string, number | string | null>>

/** Makes and fills the tables of Sakila that a video shop rents films with. Resolves to false if there is a `film`. */
export async function createSakila(database: DataSource): Promise<boolean> {
  const runner = database.createQueryRunner()
  try {
    if (await runner.hasTable('film')) return false
    for (const table of tables()) await runner.createTable(table)
    const rows = sakilaRows()
    for (const table of TABLES) await insert(runner, table, rows[table])
    return true
  } finally {
    await runner.release()
  }
}

export async function dropSakila(database: DataSource): Promise<void> {
  const runner = database.createQueryRunner()
  try {
    for (const table of [...TABLES].reverse()) await runner.dropTable(table, true)
  } finally {
    await runner.release()
  }
}

function tables(): Table[] {
  const id = (name: string) => ({ name, type: 'int', isPrimary: true })
  const int = (name: string) => ({ name, type: 'int' })
  const decimal = (name: string, precision: number) => ({ name, type: 'decimal', precision, scale: 2 })
  const varchar = (name: string, length: string) => ({ name, type: 'varchar', length })
  return [
    new Table({
      name: 'film',
      columns: [
        id('film_id'),
        varchar('title', '128'),
        int('release_year'),
        int('rental_duration'),
        decimal('rental_rate', 4),
        int('length'),
        decimal('replacement_cost', 5),
        varchar('rating', '5'),
      ],
    }),
    new Table({
      name: 'inventory',
      columns: [id('inventory_id'), int('film_id'), int('store_id')],
      indices: [{ columnNames: ['film_id'] }],
    }),
    new Table({
      name: 'rental',
      columns: [
        id('rental_id'),
        varchar('rental_date', '24'),
        int('inventory_id'),
        int('customer_id'),
        { ...varchar('return_date', '24'), isNullable: true },
      ],
      indices: [{ columnNames: ['inventory_id'] }],
    }),
  ]
}

async function insert(runner: QueryRunner, table: string, rows: readonly Row[]): Promise<void> {
  const columns = Object.keys(rows[0] ?? {}).join(', ')
  for (let start = 0; start < rows.length; start += ROWS_AT_ONCE) {
    const values = rows
      .slice(start, start + ROWS_AT_ONCE)
      .map((row) => Object.values(row).map(literal).join(', '))
    await runner.query(`INSERT INTO ${table} (${columns}) VALUES (${values.join('), (')})`)
  }
}

/** Of what is generated below, where no text has a quote in it. */
function literal(value: number | string | null): string {
  return typeof value === 'string' ? `'${value}'` : String(value)
}

/** The same on every run. */
function sakilaRows(): Record<(typeof TABLES)[number], Row[]> {
  const random = newRandom(1)
  const upTo = (limit: number) => Math.floor(random() * limit)
  const top = new Map<number, number>()
  for (const rate of TOP_RATES) top.set(uniqueBelow(FILMS, upTo, top), rate)
  const film = Array.from({ length: FILMS }, (_, i) => ({
    film_id: i + 1,
    title: titleOf(i),
    release_year: 1970 + upTo(56),
    rental_duration: 3 + upTo(5),
    rental_rate: top.get(i) ?? RATES[upTo(3)] ?? 0,
    length: 46 + upTo(140),
    replacement_cost: 9.99 + upTo(21),
    rating: ['G', 'PG', 'PG-13', 'R'][upTo(4)] ?? 'G',
  }))
  const copies = film.flatMap(({ film_id }) => Array.from({ length: 1 + upTo(8) }, () => film_id))
  const inventory = copies.map((film_id, i) => ({ inventory_id: i + 1, film_id, store_id: 1 + upTo(2) }))
  const rental = inventory.flatMap(({ inventory_id }) =>
    Array.from({ length: upTo(8) }, () => {
      const rented = FIRST_RENTAL + upTo(300) * DAY_MS
      const isOut = upTo(50) === 0
      return {
        rental_date: new Date(rented).toISOString(),
        inventory_id,
        customer_id: 1 + upTo(599),
        return_date: isOut ? null : new Date(rented + (1 + upTo(9)) * DAY_MS).toISOString(),
      }
    }),
  )
  return { film, inventory, rental: rental.map((row, i) => ({ rental_id: i + 1, ...row })) }
}

function titleOf(i: number): string {
  return [ATTRIBUTES[i % 10], SUBJECTS[Math.floor(i / 10) % 10], ENDINGS[Math.floor(i / 100) % 10]].join(' ')
}

function uniqueBelow(
  limit: number,
  upTo: (limit: number) => number,
  taken: ReadonlyMap<number, unknown>,
): number {
  for (;;) {
    const candidate = upTo(limit)
    if (!taken.has(candidate)) return candidate
  }
}

/** Numbers from 0 to below 1, by a linear congruence modulo 2^32. */
function newRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
