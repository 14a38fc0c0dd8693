import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'puppeteer-core'
import { describe, expect, onTestFinished, test } from 'vitest'
import { PATIENCE_MS, useBrowser } from './support/browser.js'
import { servePages } from './support/pages.js'

const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

/** What is used of an element; the types of the DOM are not those of Node. */
interface Handle {
  click(): Promise<void>
  getProperty(name: string): Promise<{ jsonValue(): Promise<unknown> }>
  uploadFile(path: string): Promise<void>
}

describe('in a browser without scripts', { timeout: PATIENCE_MS }, () => {
  const open = useBrowser()

  const click = async (page: Page, selector: string, text?: string): Promise<void> => {
    // What is behind another page gets no clicks.
    await page.bringToFront()
    for (const element of (await page.$$(selector)) as unknown as Handle[]) {
      const found = await (await element.getProperty('textContent')).jsonValue()
      if (text !== undefined && String(found).trim() !== text) continue
      await element.click()
      return
    }
    throw new Error(`There is no ${selector} that says ${text ?? 'anything'}`)
  }
  /** To the next page. */
  const go = async (page: Page, selector: string, text?: string): Promise<void> => {
    await Promise.all([page.waitForNavigation(), click(page, selector, text)])
  }
  const follow = (page: Page, text: string): Promise<void> => go(page, 'main a', text)
  const send = (page: Page): Promise<void> => go(page, 'main form button')
  const fill = async (page: Page, selector: string, text: string): Promise<void> => {
    await page.evaluate(`document.querySelector(${JSON.stringify(selector)}).value = ''`)
    await page.type(selector, text)
  }
  const choose = async (page: Page, path: string): Promise<void> => {
    const [input] = (await page.$$('input[type=file]')) as unknown as Handle[]
    await input?.uploadFile(path)
  }
  const textOf = async (page: Page, selector = 'main'): Promise<string> =>
    String(await page.evaluate(`document.querySelector(${JSON.stringify(selector)}).textContent`)).trim()
  const widthOfImage = (page: Page): Promise<unknown> =>
    page.evaluate("document.querySelector('figure img').naturalWidth")

  test('an entry is written, edited, found and deleted, and a second instance shows it at once', async () => {
    const [one = '', two = ''] = await servePages({}, 2)
    const page = await open(one)
    await follow(page, 'Journal')
    await follow(page, 'New entry')
    await fill(page, 'input[name=title]', 'A walk in the rain')
    await fill(page, 'textarea', '<p>It had <em>stopped</em> by noon.</p>')
    await click(page, 'input[value^=essay]')
    await send(page)
    expect(await textOf(page, 'h1')).toBe('A walk in the rain')
    expect(await textOf(page, 'article em')).toBe('stopped')
    const address = new URL(page.url()).pathname
    const other = await open(`${two}${address}`)
    expect(await textOf(other)).toContain('A walk in the rain')

    await follow(page, 'Edit')
    await fill(page, 'input[name=title]', 'A walk in the sun')
    await send(page)
    await other.reload()
    expect(await textOf(other)).toContain('A walk in the sun')
    await other.goto(`${two}/journal`)
    expect(await textOf(other, '.cards li')).toContain('A walk in the sun')

    await fill(other, 'header input[name=q]', 'SUN walk')
    await go(other, 'header button')
    expect(await textOf(other)).toContain('1 found')
    await follow(other, 'Essay')
    expect(await textOf(other)).toContain('The night train to Vienna')

    await follow(page, 'Delete')
    await send(page)
    expect(new URL(page.url()).pathname).toBe('/journal')
    const gone = await other.goto(`${two}${address}`)
    expect(gone?.status()).toBe(404)
  })

  test('a picture is stored, shown, and replaced by another', async () => {
    const [url = ''] = await servePages()
    const folder = await mkdtemp(join(tmpdir(), 'larder-test-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const file = join(folder, 'dot.png')
    await writeFile(file, Buffer.from(PIXEL, 'base64'))
    const page = await open(`${url}/pictures`)
    await follow(page, 'Add a file')
    await fill(page, 'input[name=title]', 'A dot')
    await choose(page, file)
    await send(page)
    expect(await textOf(page, 'h1')).toBe('A dot')
    expect(await widthOfImage(page)).toBe(1)

    const drawing = join(folder, 'drawing.svg')
    await writeFile(drawing, '<svg xmlns="http://www.w3.org/2000/svg" width="7" height="7"/>')
    await follow(page, 'Replace file')
    await choose(page, drawing)
    await send(page)
    expect(await textOf(page)).toContain('image/svg+xml')
    expect(await widthOfImage(page)).toBe(7)
  })

  test('pages fit a phone, and are dark where the system is', async () => {
    const [url = ''] = await servePages()
    const page = await open(url)
    await page.setViewport({ width: 360, height: 740 })
    const paths = [
      '/',
      '/journal',
      '/journal/rye-bread-with-plums',
      '/pictures/a-jar-of-plums',
      '/pages/journal/new',
    ]
    for (const path of [...paths, '/pages/statistics', '/pages/search?q=the']) {
      await page.goto(`${url}${path}`)
      const width = await page.evaluate('document.documentElement.scrollWidth')
      expect([path, width]).toEqual([path, 360])
    }
    const colors: unknown[] = []
    for (const value of ['light', 'dark']) {
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value }])
      colors.push(await page.evaluate('getComputedStyle(document.body).backgroundColor'))
    }
    expect(colors).toEqual(['rgb(251, 249, 244)', 'rgb(27, 26, 24)'])
  })

  test('the page of statistics refreshes itself', async () => {
    const [url = ''] = await servePages()
    const page = await open(`${url}/pages/statistics`)
    const hits = (): Promise<string> => textOf(page, '#storage td')
    const before = await hits()
    await fetch(`${url}/journal/rye-bread-with-plums`)
    await page.waitForNavigation()
    expect(Number(await hits())).toBeGreaterThan(Number(before))
    expect(await textOf(page, '#servers')).toContain('answers')
    await follow(page, 'Stop')
    expect(await page.$('meta[http-equiv=refresh]')).toBeNull()
  })
})
