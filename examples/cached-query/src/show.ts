import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { bestsellers } from './bestsellers.js'
import type { Film } from './film.js'
import { OtherProgram } from './other-program.js'
import type { Shop } from './shop.js'
import { TTL_MS, type Way } from './ways/way.js'

const SEEN_WITHIN_MS = 15_000
const PAUSE_MS = 5

/** Prints a line with the name of its step in front. */
export type Say = (step: string, text: string) => void

/** What the program is about: the same question, asked in three ways. */
export async function show(shop: Shop, say: Say, signal: AbortSignal): Promise<void> {
  await using other = new OtherProgram(shop.database.url)
  for (const way of shop.ways) await new WayShow(shop, way, other, say, signal).run()
  await showBestsellers(shop, say)
  say('', '')
  for (const { name, file } of shop.ways) say('', `${await linesOf(file)} lines of code: ${name}`)
  say('', 'and once for all queries: open a cache, and call onTableChanges, as in src/shop.ts')
}

interface Answer {
  readonly films: readonly Film[]
  readonly isFromDatabase: boolean
  readonly ms: number
}

class WayShow {
  readonly #shop: Shop
  readonly #way: Way
  readonly #other: OtherProgram
  readonly #say: Say
  readonly #signal: AbortSignal

  constructor(shop: Shop, way: Way, other: OtherProgram, say: Say, signal: AbortSignal) {
    this.#shop = shop
    this.#way = way
    this.#other = other
    this.#say = say
    this.#signal = signal
  }

  async run(): Promise<void> {
    const say = this.#say
    say('', '')
    say('', this.#way.name)
    const first = await this.#ask()
    say('first run', sourceOf(first))
    for (const film of first.films) say('', `  ${Number(film.rentalRate).toFixed(2)}  ${film.title}`)
    const second = await this.#ask()
    say('second run', sourceOf(second))
    if (second.isFromDatabase) return
    await this.#change(first.films)
    await this.#wait()
  }

  /** Makes the fifth film the dearest, and undoes that at the end. */
  async #change(films: readonly Film[]): Promise<void> {
    const fifth = films.at(-1)
    if (fifth === undefined) return
    const rate = Number(films[0]?.rentalRate) + 1
    await this.#update(fifth.id, rate)
    try {
      const committed = performance.now()
      this.#say('UPDATE', `by another program, plain SQL: ${fifth.title} costs ${rate.toFixed(2)}`)
      const answer = await this.#until(({ films: [top] }) => top?.id === fifth.id, 'The UPDATE')
      const seen = Math.round(performance.now() - committed)
      this.#say('next run', `${sourceOf(answer)}; the UPDATE is seen within ${seen} ms of its end`)
    } finally {
      await this.#update(fifth.id, Number(fifth.rentalRate))
    }
    await this.#until(({ films: [top] }) => top?.id === films[0]?.id, 'The second UPDATE')
  }

  async #wait(): Promise<void> {
    await this.#until(({ isFromDatabase }) => !isFromDatabase, 'A result in the cache')
    this.#say('', `... nobody changes a film for the TTL of ${TTL_MS / 1000} s`)
    await sleep(TTL_MS, undefined, { signal: this.#signal })
    const answer = await this.#until(({ isFromDatabase }) => isFromDatabase, 'The end of the TTL')
    this.#say('after the TTL', sourceOf(answer))
  }

  async #ask(): Promise<Answer> {
    const before = this.#shop.filmQueries()
    const start = performance.now()
    const films = await this.#way.topFilms()
    return { films, ms: performance.now() - start, isFromDatabase: this.#shop.filmQueries() > before }
  }

  async #until(isAsWanted: (answer: Answer) => boolean, what: string): Promise<Answer> {
    const giveUpAt = performance.now() + SEEN_WITHIN_MS
    for (;;) {
      const answer = await this.#ask()
      if (isAsWanted(answer)) return answer
      if (performance.now() > giveUpAt)
        throw new Error(`${what} was not seen within ${SEEN_WITHIN_MS / 1000} s`)
      await sleep(PAUSE_MS, undefined, { signal: this.#signal })
    }
  }

  async #update(id: number, rate: number): Promise<void> {
    await this.#other.execute(`UPDATE film SET rental_rate = ${rate} WHERE film_id = ${id}`)
  }
}

async function showBestsellers({ dataSource, queries }: Shop, say: Say): Promise<void> {
  const query = bestsellers(dataSource, queries)
  say('', '')
  say('', 'A query with an argument, over three tables: what stores 1 and 2 rent out most')
  for (const round of ['first run', 'second run']) {
    const start = performance.now()
    const stores = await query.getMany([[1], [2]])
    const ms = (performance.now() - start).toFixed(1)
    say(round, `${stores.map(([best]) => `${best?.title} (${best?.rentals} times)`).join(', ')}; ${ms} ms`)
  }
}

function sourceOf({ isFromDatabase, ms }: Answer): string {
  return `loaded data from ${isFromDatabase ? 'the database' : 'memcached'} in ${ms.toFixed(1)} ms`
}

/** Without empty lines, comments, imports, and what is said here about a way. */
async function linesOf(file: string): Promise<number> {
  const source = await readFile(new URL(`../src/ways/${file}`, import.meta.url), 'utf8')
  return source.split('\n').filter((line) => !/^\s*($|\/\/|\/?\*|import |name:|file:)/.test(line)).length
}
