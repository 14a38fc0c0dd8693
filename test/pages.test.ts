import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ROOT } from './support/compile.js'
import { pages } from './support/pages.js'
import { blocksOf } from './support/snippets.js'

function sourceOf(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

/** As GitHub and the site make them. */
function anchorsOf(markdown: string): string[] {
  const headings = Array.from(markdown.matchAll(/^#+ (?<text>.*)$/gm), ({ groups }) => groups?.['text'] ?? '')
  return headings.map((text) =>
    text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}

function sourcesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => sourceOf(join(folder, name)))
}

describe('links between pages and files', () => {
  test.each([...pages()])('of %s lead somewhere', (page, markdown) => {
    const targets = Array.from(
      markdown.matchAll(/\]\((?<target>[^)#\s]+)(?:#[^)]*)?\)/g),
      ({ groups }) => groups?.['target'],
    )
    const missing = targets.filter(
      (target) =>
        // Files, since a site has no view of a folder.
        target !== undefined && !/^https?:/.test(target) && !isFile(join(ROOT, dirname(page), target)),
    )
    expect(missing).toEqual([])
  })

  test.each([...pages()])('of %s to a heading find it', (page, markdown) => {
    const links = Array.from(
      markdown.matchAll(/\]\((?<file>[^)#\s:]*)#(?<anchor>[^)]*)\)/g),
      ({ groups }) => [groups?.['file'] ?? '', groups?.['anchor'] ?? ''] as const,
    )
    const lost = links.filter(([file, anchor]) => {
      const target = file === '' ? page : join(dirname(page), file)
      return !anchorsOf(pages().get(target) ?? '').includes(anchor)
    })
    expect(lost).toEqual([])
  })

  test.each([...pages()])('file names in %s are those of files', (page, markdown) => {
    const names = Array.from(
      markdown.matchAll(/`(?<name>(?:packages|examples|apps|tools|docs|scripts)\/[\w./-]+)`/g),
      ({ groups }) => groups?.['name'],
    )
    expect(names.filter((name) => name !== undefined && !existsSync(join(ROOT, name)))).toEqual([])
  })
})

describe('decisions', () => {
  const decisions = [...pages()].filter(([page]) => /^docs\/decisions\/\d/.test(page))
  const numberOf = (page: string) => Number(/(\d{4})-[\w-]+\.md$/.exec(page)?.[1])

  test('are numbered one after another, each as its title says', () => {
    const numbers = decisions.map(([page]) => numberOf(page))
    expect(numbers).toEqual(decisions.map((_, i) => i + 1))
    expect(decisions.map(([, text]) => Number(/^# (\d+)\. /.exec(text)?.[1]))).toEqual(numbers)
  })

  test('are all in their list', () => {
    const lines = decisions.map(([page, text]) => {
      const [, number = '', title = ''] = /^# (\d+)\. (.*)$/m.exec(text) ?? []
      return `${number}. [${title}](${basename(page)})\n`
    })
    expect(sourceOf('docs/decisions/README.md')).toContain(`\n\n${lines.join('')}`)
  })

  test('are linked by their numbers', () => {
    const links = [...pages()].flatMap(([page, text]) =>
      Array.from(text.matchAll(/\[decision (\d+)\]\(([^)]+)\)/g), ([, number, target = '']) => ({
        ...{ page, said: Number(number), meant: numberOf(target) },
      })),
    )
    expect(links.length).toBeGreaterThan(0)
    expect(links.filter(({ said, meant }) => said !== meant)).toEqual([])
  })
})

/** Of the interfaces and the tables that declare options. */
function optionNamesIn(source: string): string[] {
  const declarations: readonly (readonly [block: RegExp, name: RegExp])[] = [
    [
      /export interface \w*(?:Options|Choice|Settings)[^{]*\{(?<block>.*?)^\}/gms,
      /^ {2}readonly (?<name>\w+)\?/gm,
    ],
    [/optionTable\(\{(?<block>.*?)^\}\)/gms, /^ {2}(?<name>\w+): \w+Option/gm],
  ]
  return declarations.flatMap(([block, name]) =>
    Array.from(source.matchAll(block), ({ groups }) => groups?.['block'] ?? '').flatMap((text) =>
      Array.from(text.matchAll(name), ({ groups }) => groups?.['name'] ?? ''),
    ),
  )
}

describe('the pages are complete', () => {
  const readme = sourceOf('README.md')
  const notInTables = (names: readonly string[], page = readme) =>
    names.filter((name) => !page.includes(`\n| \`${name}\``))

  test.each([
    ['packages/memcached/src/client/client-options.ts', 'docs/client.md'],
    ['packages/memcached/src/transport/udp-options.ts', 'docs/client.md'],
    ['packages/storage-memcache/src/cache-choice.ts', 'docs/queries.md'],
    ['packages/storage-memcache/src/query/query-options.ts', 'docs/queries.md'],
    ['packages/storage-memcache/src/query/query-cache.ts', 'docs/queries.md'],
    ['packages/storage-memcache/src/query/result-form.ts', 'docs/queries.md'],
    ['packages/storage-memcache/src/typeorm/query-result-cache-options.ts', 'docs/queries.md'],
    ['packages/storage-memcache/src/opentelemetry/instrument.ts', 'docs/observability.md'],
  ])('in the options of %s: %s', (path, page) => {
    const names = optionNamesIn(sourceOf(path))
    expect(names.length).toBeGreaterThan(1)
    expect(notInTables(names, sourceOf(page))).toEqual([])
  })

  test('in its commands, which exist', () => {
    const { scripts } = JSON.parse(sourceOf('package.json')) as { scripts: Record<string, string> }
    const shell = blocksOf(readme).filter(({ language }) => language === 'sh')
    const commands = shell.flatMap(({ text }) =>
      Array.from(text.matchAll(/pnpm@12 (?<name>\w+)/g), ({ groups }) => groups?.['name']),
    )
    expect(commands).toEqual(expect.arrayContaining(['start', 'test']))
    for (const name of commands) expect(scripts).toHaveProperty(name ?? '')
  })
})

describe('the page on errors', () => {
  const page = sourceOf('docs/errors.md')
  const source = sourceOf('packages/storage-core/src/error-codes.ts')
  const codes = Array.from(
    source.matchAll(/^ {2}\| '(?<code>E_\w+)'/gm),
    ({ groups }) => groups?.['code'] ?? '',
  )
  const rows = Array.from(
    page.matchAll(/^\| `(?<code>E_\w+)` \|.*\| (?:`(?<name>\w+)` )?\|$/gm),
    ({ groups }) => [groups?.['code'] ?? '', groups?.['name']] as const,
  )

  test('has all codes, in their order, and no others', () => {
    expect(codes.length).toBeGreaterThan(10)
    expect(rows.map(([code]) => code)).toEqual(codes)
  })

  test('names the classes that there are', () => {
    const classes = Array.from(
      sourceOf('packages/storage-core/src/errors.ts').matchAll(
        /^export class (?<name>\w+) extends StorageError \{[^}]*readonly code = '(?<code>E_\w+)'/gm,
      ),
      ({ groups }) => [groups?.['code'] ?? '', groups?.['name']] as const,
    )
    expect(rows.filter(([, name]) => name !== undefined)).toEqual(classes)
  })

  test('has codes that somebody rejects with', () => {
    const classOf = new Map(rows)
    const sources = ['memcached', 'storage-core', 'storage-memcache', 'storage-sql'].flatMap((name) =>
      sourcesBelow(`packages/${name}/src`),
    )
    const unused = codes.filter((code) => {
      const made = [
        `StorageError('${code}'`,
        `super('${code}'`,
        `code: '${code}'`,
        `new ${classOf.get(code) ?? code}(`,
      ]
      return !sources.some((text) => made.some((one) => text.includes(one)))
    })
    expect(unused).toEqual([])
  })
})

describe('the page on guarantees', () => {
  const page = sourceOf('docs/guarantees.md')
  const folders: Readonly<Record<string, string>> = {
    contract: 'packages/storage-core/src/testing/contract',
    client: 'packages/memcached/test',
    memcache: 'packages/storage-memcache/test',
    sql: 'packages/storage-sql/test',
    locks: 'packages/storage-core/src/testing/lock',
    system: 'test/system',
  }
  const named = Array.from(
    page.matchAll(/`(?<folder>\w+)\/(?<file>[\w./-]+\.ts)`: \*(?<title>[^*]+)\*/g),
    ({ groups = {} }) => ({
      path: `${folders[groups['folder'] ?? ''] ?? ''}/${groups['file'] ?? ''}`,
      title: groups['title'] ?? '',
    }),
  )
  /** Of a test, or of a play that tests run. A title may be made of parts, which the page leaves out. */
  const titled = (source: string, title: string) => {
    const lines = source.replaceAll(/\n\s+/g, '\n').replaceAll(/\$\{[^}]*\}|%s/g, '…')
    return ['test(', 'test(\n', 'atomic(', 'transactional(', 'async ', 'test.each(SERVER_NAMES)('].some(
      (before) => [`'`, `"`, '`'].some((quote) => lines.includes(`${before}${quote}${title}${quote}`)),
    )
  }

  test('names tests that there are', () => {
    expect(named.length).toBeGreaterThan(90)
    const missing = named.filter(
      ({ path, title }) => !existsSync(join(ROOT, path)) || !titled(sourceOf(path), title),
    )
    expect(missing).toEqual([])
  })

  test('names the folders of its tests', () => {
    for (const [name, folder] of Object.entries(folders))
      expect(page).toContain(`\`${name}/\` is \`${folder}/\``)
  })

  test('has a line with a promise, and one with a test, for each method of a storage', () => {
    const [, contract = ''] = /export interface Storage extends[^{]*\{(.*?)^\}/ms.exec(
      sourceOf('packages/storage-core/src/storage.ts'),
    ) ?? ['', '']
    const methods = Array.from(
      contract.matchAll(/^ {2}(?<name>\w+)\(/gm),
      ({ groups }) => groups?.['name'] ?? '',
    )
    expect(methods).toContain('shutdown')
    const [promises = '', tests = ''] = page
      .slice(page.indexOf('## Method by method'), page.indexOf('## When something fails'))
      .split('## Which test holds it')
    const columns = [promises, tests].map((part) =>
      Array.from(part.matchAll(/^\| (?<first>[^|]*)\|/gm), ({ groups }) => groups?.['first'] ?? '').join(),
    )
    for (const column of columns)
      expect(methods.filter((name) => !column.includes(`\`${name}\``) && !/^remove/.test(name))).toEqual([])
  })
})
