import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './compile.js'

/** The pages for readers: those at the root, and all below `docs`. */
export function pages(): ReadonlyMap<string, string> {
  const names = [
    ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
    ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ]
  return new Map(names.sort().map((name) => [name, readFileSync(join(ROOT, name), 'utf8')]))
}
