import type { Film } from '../film.js'

/** One way to ask for the films with the highest rates. */
export interface Way {
  /** For people. */
  readonly name: string
  /** Of the source file, from this folder. */
  readonly file: string
  topFilms(): Promise<Film[]>
  /** Called after each commit that changed these tables. */
  onChange(tables: readonly string[]): Promise<void>
}

/** How long a result is used when nobody changes a film. */
export const TTL_MS = 2_000
