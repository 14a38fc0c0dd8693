import { browserProgram } from '@larder/dev-servers'
import puppeteer, { type Browser } from 'puppeteer-core'
import { afterAll, beforeAll } from 'vitest'

/** It may have to be installed first. */
const INSTALL_MS = 300_000

/** A browser for all tests of the caller. */
export function useBrowser(): () => Browser {
  let browser: Browser
  beforeAll(async () => {
    const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage']
    browser = await puppeteer.launch({ executablePath: browserProgram(), args })
  }, INSTALL_MS)
  afterAll(() => browser.close())
  return () => browser
}
