import { browserProgram } from '@larder/dev-servers'
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, normalize } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import puppeteer, { type Browser, type Page } from 'puppeteer-core'
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
    const args = [typedoc, '--options', 'docs/site/typedoc.config.mjs', '--out', folder]
    // What it warns of are faults here: a link that leads nowhere, an export without a description.
    await run(process.execPath, args, { cwd: ROOT }).catch((cause: unknown) => {
      throw new Error((cause as { readonly stdout: string }).stdout, { cause })
    })
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
      if (name.endsWith('.html')) files.set(name, readFileSync(join(folder, name), 'utf8'))
  }, 600_000)
  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('has every page', () => {
    const titles = new Set(Array.from(files.values(), (html) => /<title>(.*?) \| Larder</.exec(html)?.[1]))
    const missing = [...pages()].filter(([page, markdown]) => {
      const title = /^# (.*)$/m.exec(markdown)?.[1]
      return page !== 'README.md' && !titles.has(title?.replaceAll("'", '&#39;').replaceAll('`', ''))
    })
    expect(missing.map(([page]) => page)).toEqual([])
    expect(files.get('index.html')).toContain('Cache the queries of a TypeORM app')
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
    const anchors = new Map(Array.from(files, ([name, html]) => [name, anchorsOf(html)]))
    for (const [name, html] of files) {
      for (const [, attribute, target = '', anchor] of html.matchAll(
        / (href|src)="([^"#]*)(?:#([^"]*))?"/g,
      )) {
        const isElsewhere = /^\w+:/.test(target)
        const path = target === '' ? name : normalize(join(dirname(name), decodeURI(target)))
        if (isElsewhere ? attribute === 'src' : !existsSync(join(folder, path)))
          lost.push(`${name}: ${target}`)
        else if (anchor && anchors.get(path)?.has(decodeURIComponent(anchor)) === false)
          lost.push(`${name}: ${target}#${anchor}`)
      }
      expect(html).not.toMatch(/<link[^>]* href="\w+:/)
    }
    expect(lost).toEqual([])
  })

  // As somebody has it who was given the folder.
  describe('in a browser, from the disk', { timeout: 120_000 }, () => {
    let browser: Browser
    const elsewhere: string[] = []

    beforeAll(async () => {
      const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage']
      browser = await puppeteer.launch({ executablePath: browserProgram(), args })
    }, 300_000)
    afterAll(() => browser.close())

    async function open(name: string, width: number): Promise<Page> {
      const page = await browser.newPage()
      page.on('request', (request) => {
        if (!/^(?:file|data|blob):/.test(request.url())) elsewhere.push(request.url())
      })
      // From the disk, icons come out of a script; what the page asks for before that is refused.
      page.on('requestfailed', (request) => {
        if (!request.url().includes('/assets/icons.svg#')) elsewhere.push(`${request.url()} is not there`)
      })
      await page.setViewport({ width, height: 800 })
      await page.goto(pathToFileURL(join(folder, name)).href, { waitUntil: 'load' })
      return page
    }

    test('every page fits a phone, and nothing is fetched', async () => {
      const wide: string[] = []
      const guides = [...files.keys()].filter((name) => name.startsWith('documents/'))
      for (const name of ['index.html', ...guides, 'classes/_larder_storage-memcache.MemcacheStorage.html']) {
        const page = await open(name, 390)
        const width = Number(await page.evaluate('document.documentElement.scrollWidth'))
        if (width > 390) wide.push(`${name}: ${width}`)
        await page.close()
      }
      expect(wide).toEqual([])
      expect(elsewhere).toEqual([])
    })

    test('the guides are in sight, the search finds names and words, and it is dark where the system is', async () => {
      const page = await open('index.html', 1280)
      await page.waitForFunction(
        `Array.from(document.querySelectorAll('.tsd-navigation a'), (a) => a.checkVisibility() && a.textContent.trim())
          .includes('Storing content')`,
      )
      await page.click('#tsd-search-trigger')
      for (const [typed, found] of [
        ['MemcacheStorage', 'MemcacheStorage'],
        ['claim', 'claim'],
        ['Operating', 'Operating it'],
      ] as const) {
        await page.evaluate(`document.querySelector('#tsd-search-input').value = ''`)
        await page.type('#tsd-search-input', typed)
        await page.waitForFunction(
          `document.querySelector('#tsd-search-results')?.textContent.includes(${JSON.stringify(found)})`,
        )
      }
      const light = await page.evaluate('getComputedStyle(document.body).backgroundColor')
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }])
      expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).not.toBe(light)
    })
  })
})

function anchorsOf(html: string): ReadonlySet<string> {
  return new Set(Array.from(html.matchAll(/ id="([^"]*)"/g), ([, id]) => String(id)))
}
