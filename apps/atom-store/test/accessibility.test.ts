import axe from 'axe-core'
import type { Page } from 'puppeteer-core'
import { describe, expect, test } from 'vitest'
import { PATIENCE_MS, useBrowser } from './support/browser.js'
import { servePages } from './support/pages.js'

const PATHS = [
  '/',
  '/journal',
  '/journal/rye-bread-with-plums',
  '/pictures/a-jar-of-plums',
  '/pages/journal/new',
  '/pages/pictures/upload',
  '/pages/journal/rye-bread-with-plums/edit',
  '/pages/pictures/a-jar-of-plums/media',
  '/pages/journal/rye-bread-with-plums/delete',
  '/pages/search?q=the',
  // As long as it refreshes itself it is against the guidelines; it can be stopped.
  '/pages/statistics?refresh=no',
  '/nowhere',
]

describe('pages', { timeout: PATIENCE_MS }, () => {
  const openPage = useBrowser()
  // The checks are a script of their own.
  const open = (url: string): Promise<Page> => openPage(url, { scripts: true })

  /** What an automatic check of the guidelines finds: names of rules, and where. */
  async function faultsOf(page: Page, rules?: readonly string[]): Promise<unknown> {
    const options = rules === undefined ? {} : { runOnly: { type: 'rule', values: rules } }
    await page.evaluate(axe.source)
    const found = (await page.evaluate(`axe.run(document, ${JSON.stringify(options)})`)) as axe.AxeResults
    return found.violations.map(({ id, nodes }) => [
      id,
      nodes.map(({ html, failureSummary }) => [html, failureSummary]),
    ])
  }

  test('have labels, headings in their order, and colours that can be read in the dark as well', async () => {
    const [url = ''] = await servePages()
    const page = await open(url)
    await page.setViewport({ width: 360, height: 740 })
    for (const path of PATHS) {
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'light' }])
      await page.goto(`${url}${path}`)
      expect([path, await faultsOf(page)]).toEqual([path, []])
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }])
      expect([path, await faultsOf(page, ['color-contrast'])]).toEqual([path, []])
    }
  })

  test('can be used with a keyboard', async () => {
    const [url = ''] = await servePages()
    const page = await open(`${url}/journal`)
    const focused = (what: string): Promise<unknown> => page.evaluate(`document.activeElement.${what}`)
    await page.keyboard.press('Tab')
    expect(await focused('textContent')).toBe('To the text')
    const left = await page.evaluate('document.activeElement.getBoundingClientRect().left')
    expect(Number(left)).toBeGreaterThanOrEqual(0)
    await page.keyboard.press('Enter')
    expect(await page.evaluate('location.hash')).toBe('#main')
    // From there on the text is next, not the head of the page.
    await page.keyboard.press('Tab')
    expect(await focused('textContent')).toBe('New entry')
    expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).not.toBe('none')
    await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')])
    expect(new URL(page.url()).pathname).toBe('/pages/journal/new')
  })
})
