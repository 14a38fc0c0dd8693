import type { CommandCache } from '@larder/memcached'
import type { StorageCounters } from '@larder/storage-memcache'
import { html } from 'hono/html'
import type { Html, Page } from './layout.js'

const REFRESH_SECONDS = 3

/** Where the figures come from. */
export interface StatisticsSource {
  counters(): StorageCounters
  readonly cache: Pick<CommandCache, 'stats'>
}

/**
 * What this instance's storage has done, and what each server says of itself. The browser asks again by itself where
 * `isRefreshed` says so: who reads slowly, or has the page read out, can stop it.
 */
export async function statisticsPage(source: StatisticsSource, isRefreshed: boolean): Promise<Page> {
  const now = source.counters()
  const { answers, failed } = await source.cache.stats()
  const asked = now.hits + now.misses
  const rows: [string, string | number][] = [
    ['Hits', now.hits],
    ['Misses', now.misses],
    ['Hit rate', asked === 0 ? '–' : `${((100 * now.hits) / asked).toFixed(1)} %`],
    ['Database reads', now.durableReads],
    ['Queries to the database for them', now.durableQueries],
    ['Listings from the cache', now.listHits],
    ['Listings from the database', now.durableListings],
    ['Writes', now.writes],
    ['Calls to the cache that failed', now.cacheErrors],
    ['Writes that the cache did not confirm', now.unconfirmedWrites],
  ]
  const servers = [
    ...Array.from(answers, ([name, stats]) => serverRow(name, stats)),
    ...Array.from(failed, ([name, error]) => failedRow(name, error)),
  ]
  const body = html`<h1>Cache</h1>
    <p class="quiet">
      Since this instance was
      started${
        isRefreshed
          ? html`; read again every ${REFRESH_SECONDS} seconds.
              <a href="/pages/statistics?refresh=no">Stop</a>`
          : html`. <a href="/pages/statistics">Read again every ${REFRESH_SECONDS} seconds</a>`
      }
    </p>
    <table id="storage">
      ${rows.map(
        ([name, figure]) =>
          html`<tr>
            <th scope="row">${name}</th>
            <td class="number">${grouped(figure)}</td>
          </tr>`,
      )}
    </table>
    <h2>Servers</h2>
    <div class="scroll" role="region" aria-label="Servers" tabindex="0">
      <table id="servers">
        <tr>
          ${['Server', 'State', 'Keys', 'Memory', 'Hits', 'Misses', 'Evictions'].map((name) => html`<th>${name}</th>`)}
        </tr>
        ${servers}
      </table>
    </div>`
  return { title: 'Cache', body, refreshSeconds: isRefreshed ? REFRESH_SECONDS : undefined }
}

function serverRow(name: string, stats: ReadonlyMap<string, string>): Html {
  const figure = (key: string): string => grouped(stats.get(key) ?? '–')
  const memory = [stats.get('bytes'), stats.get('limit_maxbytes')].filter((each) => each !== undefined)
  const version = stats.get('version')
  return html`<tr>
    <th scope="row">${name}</th>
    <td>answers${version === undefined ? '' : html`<br /><span class="quiet">${version}</span>`}</td>
    <td class="number">${figure('curr_items')}</td>
    <td class="number">${memory.map((bytes) => (Number(bytes) / 2 ** 20).toFixed(1)).join(' of ')} MiB</td>
    <td class="number">${figure('get_hits')}</td>
    <td class="number">${figure('get_misses')}</td>
    <td class="number">${figure('evictions')}</td>
  </tr>`
}

function failedRow(name: string, { message }: Error): Html {
  return html`<tr>
    <th scope="row">${name}</th>
    <td colspan="6" class="problem">${message}</td>
  </tr>`
}

function grouped(figure: string | number): string {
  const number = typeof figure === 'number' ? figure : /^\d+$/.test(figure) ? Number(figure) : undefined
  return number === undefined ? String(figure) : number.toLocaleString('en')
}
