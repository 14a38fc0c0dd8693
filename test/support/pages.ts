import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './compile.js'

/** Sources of the packages as pages: the text of their comments, each line where it stands. */
export function comments(): ReadonlyMap<string, string> {
  const names = readdirSync(join(ROOT, 'packages'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    /^[\w-]+\/src\/.*\.ts$/.test(name),
  )
  return new Map(
    names.sort().map((name) => {
      const lines = readFileSync(join(ROOT, 'packages', name), 'utf8').split('\n')
      const text = lines.map((line) => /^ *\* ?(?<text>.*)$/.exec(line)?.groups?.['text'] ?? '')
      return [`packages/${name}`, text.join('\n')]
    }),
  )
}

/** The pages for readers: those at the root and of the packages, and all below `docs`. */
export function pages(): ReadonlyMap<string, string> {
  const names = [
    ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
    ...readdirSync(join(ROOT, 'packages')).map((name) => `packages/${name}/README.md`),
    ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ]
  return new Map(names.sort().map((name) => [name, readFileSync(join(ROOT, name), 'utf8')]))
}
