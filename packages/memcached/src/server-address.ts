import { describeValue, wrongType } from '@larder/storage-core/base'
import { isIPv6 } from 'node:net'

const DEFAULT_PORT = 11211
const HOST_PORT_WEIGHT =
  /^(?:\[(?<v6>[^\]]+)\]|(?<host>[^\s:[\]/@,]+))(?::(?<port>\d+))?(?::(?<weight>\d+))?$/

/** Where a server listens: `path` for a UNIX socket, else `host` and `port`. */
export type ServerAddress =
  | { readonly host: string; readonly port: number; readonly path?: undefined; readonly weight: number }
  | { readonly path: string; readonly weight: number }

/** `'host:port'`, `'[v6]:port'` or the path, as in messages and in the reports of a batch. */
export function addressText(address: ServerAddress): string {
  if (address.path !== undefined) return address.path
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
}

/**
 * Reads `host`, `host:port`, `host:port:weight`, `[v6]:port`, `[v6]:port:weight` or `/path.sock`, from a list or
 * from one string with commas or spaces. Port 11211 and weight 1 where there are none.
 * Refuses an empty list, a server named twice and everything else with a `TypeError` or `RangeError`, which shows nothing
 * of what may be credentials.
 */
export function parseServers(servers: string | readonly string[]): readonly ServerAddress[] {
  // Before the list is cut at its commas, which a password may have too.
  if (typeof servers === 'string' && /@|:\/\//.test(servers)) throw notAnAddress(servers)
  const texts = typeof servers === 'string' ? servers.split(/[\s,]+/).filter((text) => text !== '') : servers
  if (!Array.isArray(texts)) throw wrongType('servers', 'text or a list of texts', servers)
  if (texts.length === 0) throw new RangeError('`servers` must name at least one server')
  const addresses = texts.map(parseServer)
  const seen = new Set<string>()
  for (const text of addresses.map(addressText)) {
    if (seen.has(text)) throw new RangeError(`The server ${text} is named twice`)
    seen.add(text)
  }
  return addresses
}

function parseServer(text: string): ServerAddress {
  if (typeof text !== 'string')
    throw new TypeError(`Each of \`servers\` must be text, got ${describeValue(text)}`)
  if (text.startsWith('/')) return { path: text, weight: 1 }
  const { v6, host = v6, port, weight } = HOST_PORT_WEIGHT.exec(text)?.groups ?? {}
  if (host === undefined || (v6 !== undefined && !isIPv6(v6))) throw notAnAddress(text)
  return {
    host,
    port: within(port, DEFAULT_PORT, 65_535, text),
    weight: within(weight, 1, 0xffff_ffff, text),
  }
}

function notAnAddress(text: string): RangeError {
  const shown = shownOf(text)
  if (text.startsWith('udp:'))
    return new RangeError(`${shown}: name the server without udp:, and ask for UDP by the option udp`)
  if (/@|:\/\//.test(text))
    return new RangeError(
      `${shown} is no host:port: a server is no URL, and the option credentials has the username and password`,
    )
  return new RangeError(`${shown} is no host:port, [v6]:port or /path`)
}

/** Everything before an `@` may be a password, and so may anything in a URL. */
function shownOf(text: string): string {
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text)
  return JSON.stringify(scheme === null ? text.replace(/^.*@/s, '…@') : `${scheme[0]}…`)
}

function within(digits: string | undefined, fallback: number, max: number, text: string): number {
  if (digits === undefined) return fallback
  const number = Number(digits)
  if (number < 1 || number > max)
    throw new RangeError(`${shownOf(text)}: ${digits} is not within 1 to ${max}`)
  return number
}
