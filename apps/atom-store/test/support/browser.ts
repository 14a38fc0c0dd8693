import { browserProgram } from '@larder/dev-servers'
import puppeteer, { type Browser, type Page } from 'puppeteer-core'
import { afterAll, beforeAll, onTestFinished } from 'vitest'

/** It may have to be installed first. */
const INSTALL_MS = 300_000
/** Of a machine with other things to do. */
export const PATIENCE_MS = 300_000

/** A browser for all tests of the caller; resolves to a page of the test's own. */
export function useBrowser(): (url: string, options?: { readonly scripts?: boolean }) => Promise<Page> {
  let browser: Browser
  beforeAll(async () => {
    const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage']
    browser = await puppeteer.launch({ executablePath: browserProgram(), args })
  }, INSTALL_MS)
  afterAll(() => browser.close())
  return async (url, { scripts = false } = {}) => {
    const page = await browser.newPage()
    onTestFinished(() => page.close())
    page.setDefaultTimeout(PATIENCE_MS)
    await page.setJavaScriptEnabled(scripts)
    await page.goto(url)
    return page
  }
}
