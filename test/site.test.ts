import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, normalize } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROOT } from './support/compile.js'
import { pages } from './support/pages.js'

const run = promisify(execFile)

interface Manifest {
  readonly name: string
  readonly exports?: Readonly<Record<string, { readonly types?: string } | string>>
}

describe('the site of the documentation', () => {
  let folder: string
  const files = new Map<string, string>()

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'larder-site-'))
    const typedoc = join(ROOT, 'node_modules/typedoc/bin/typedoc')
    await run(process.execPath, [typedoc, '--options', 'docs/site/typedoc.config.mjs', '--out', folder], {
      cwd: ROOT,
    })
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
      if (name.endsWith('.html')) files.set(name, readFileSync(join(folder, name), 'utf8'))
  }, 600_000)
  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('has every page', () => {
    const titles = new Set(Array.from(files.values(), (html) => /<title>(.*?) \| Larder</.exec(html)?.[1]))
    const missing = [...pages()].filter(([page, markdown]) => {
      const title = /^# (.*)$/m.exec(markdown)?.[1]
      return page !== 'README.md' && !titles.has(title?.replaceAll("'", '&#39;'))
    })
    expect(missing.map(([page]) => page)).toEqual([])
    expect(files.get('index.html')).toContain('The same, with memcached in front')
  })

  test('has a reference of every entry point', () => {
    const packages = readdirSync(join(ROOT, 'packages')).map(
      (name) => JSON.parse(readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8')) as Manifest,
    )
    const entries = packages.flatMap(({ name, exports = {} }) =>
      Object.entries(exports).flatMap(([path, entry]) =>
        typeof entry !== 'string' && entry.types !== undefined ? [name + path.slice(1)] : [],
      ),
    )
    expect(entries.length).toBeGreaterThan(3)
    const missing = entries.filter((entry) => !files.has(`modules/${entry.replaceAll(/[@/]/g, '_')}.html`))
    expect(missing).toEqual([])
    expect(files.get('classes/_larder_storage-memcache.MemcacheStorage.html')).toContain('getContent')
  })

  test('leads nowhere but to what there is, and loads nothing from elsewhere', () => {
    const lost: string[] = []
    for (const [name, html] of files) {
      for (const [, attribute, target = ''] of html.matchAll(/ (href|src)="([^"#]*)[^"]*"/g)) {
        const isElsewhere = /^\w+:/.test(target)
        const path = normalize(join(dirname(name), decodeURI(target)))
        if (isElsewhere ? attribute === 'src' : !existsSync(join(folder, path)))
          lost.push(`${name}: ${target}`)
      }
      expect(html).not.toMatch(/<link[^>]* href="\w+:/)
    }
    expect(lost).toEqual([])
  })
})
