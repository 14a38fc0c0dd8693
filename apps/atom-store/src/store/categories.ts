import type { Category } from '../atom/index.js'
import type { CategoriesConfig } from '../config.js'
import { Problem } from '../problem.js'

/** Throws a `Problem` 400 for a category that a collection has no place for. */
export function checkCategories(given: readonly Category[], sets: readonly CategoriesConfig[]): void {
  const fixed = sets.filter((set) => set.fixed)
  if (fixed.length === 0) return
  for (const category of given) {
    // Where any set is open, only the schemes of the fixed ones are closed.
    const closed = fixed.filter(({ scheme }) => fixed.length === sets.length || scheme === category.scheme)
    if (closed.length === 0 || closed.some((set) => holds(set, category))) continue
    throw new Problem(400, `The category ${category.term} is none of this collection's`)
  }
}

function holds({ scheme, terms }: CategoriesConfig, category: Category): boolean {
  return scheme === category.scheme && terms.some(({ term }) => term === category.term)
}
