import { accessSync, constants } from 'node:fs'
import type { DataSourceOptions } from 'typeorm'
import type { Host, Hosts } from './postgres-hosts.js'

const DEFAULT_PORT = 5_432
const PARTS =
  /^postgres(?:ql)?:\/\/(?:(?<user>[^/?#]*)@)?(?<hosts>[^/?#]*)(?<path>\/[^?#]*)?(?:\?(?<query>[^#]*))?/i
const ATTRIBUTES = 'target_session_attrs'
/** Of those that `pg` takes. It reads any other value as `verify-full`. */
const SSL_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify']
const SSL_FILES = ['sslrootcert', 'sslcert', 'sslkey']

const hostsOfUrls = new WeakMap<object, Hosts>()

/** The servers that the URL of these options names, where one of them has to be found. */
export function hostsOf(options: object): Hosts | undefined {
  return hostsOfUrls.get(options)
}

/**
 * Also for several hosts, as libpq has them, and for UNIX sockets: `?host=/folder`, `%2Ffolder` as the host, and
 * `socket:/folder?db=name`. Throws a `TypeError`.
 */
export function postgresOptions(url: string): DataSourceOptions {
  const { user, hosts: authority = '', path = '/', query = '' } = partsOf(url)
  const parameters = new URLSearchParams(query)
  checkTls(parameters)
  const found = hostsIn(authority, parameters)
  const attributes = attributesIn(parameters, found)
  const [first] = found
  if (first === undefined) return optionsFor(url)
  for (const name of ['host', 'port']) parameters.delete(name)
  if (first.host.startsWith('/')) parameters.set('host', first.host)
  const host = first.host.startsWith('/') ? 'localhost' : bracketed(first.host)
  const search = parameters.size === 0 ? '' : `?${parameters.toString()}`
  const userinfo = user === undefined ? '' : `${user}@`
  const options = optionsFor(`postgres://${userinfo}${host}:${first.port}${path}${search}`)
  if (attributes !== undefined) hostsOfUrls.set(options, { hosts: found, attributes })
  return options
}

function optionsFor(url: string): DataSourceOptions {
  checkUrl(url)
  return { type: 'postgres', url, applicationName: 'larder' }
}

/** `pg` reads the files when it connects, where a file that is missing looks like a server that is. */
function checkTls(parameters: URLSearchParams): void {
  const mode = parameters.get('sslmode')
  if (mode !== null && !SSL_MODES.includes(mode))
    throw new TypeError(
      `The URL's sslmode must be one of ${SSL_MODES.join(', ')}, got ${JSON.stringify(mode)}`,
    )
  for (const name of SSL_FILES) {
    const path = parameters.get(name)
    if (path === null || path === '') continue
    try {
      accessSync(path, constants.R_OK)
    } catch (cause) {
      throw new TypeError(`The URL's ${name} names a file that cannot be read: ${path}`, { cause })
    }
  }
}

/** The errors of what reads it later are of many kinds, and may hold the password. */
export function checkUrl(url: string): void {
  try {
    const { username, password, pathname } = new URL(url)
    for (const part of [username, password, pathname]) decodeURIComponent(part)
  } catch {
    throw malformed()
  }
}

function malformed(): TypeError {
  return new TypeError('The URL is malformed; write what is special in a name or password as %XX')
}

interface Parts {
  readonly user?: string | undefined
  readonly hosts?: string | undefined
  readonly path?: string | undefined
  readonly query?: string | undefined
}

function partsOf(url: string): Parts {
  const parts = /^socket:/i.test(url) ? socketParts(url) : PARTS.exec(url)?.groups
  if (parts === undefined) throw malformed()
  return parts
}

/** `socket:/folder?db=name&encoding=utf8`, as `pg` has it. */
function socketParts(url: string): Parts {
  const withHost = url.replace('@/', '@localhost/')
  checkUrl(withHost)
  const { username, password, pathname, searchParams } = new URL(withHost)
  searchParams.set('host', decodeURIComponent(pathname).replace(/(?<=.)\/$/, ''))
  const database = searchParams.get('db') ?? ''
  const encoding = searchParams.get('encoding')
  for (const name of ['db', 'encoding']) searchParams.delete(name)
  if (encoding !== null) searchParams.set('client_encoding', encoding)
  const user = username === '' ? undefined : password === '' ? username : `${username}:${password}`
  return { user, hosts: '', path: `/${encodeURIComponent(database)}`, query: searchParams.toString() }
}

/** None where the URL is one that every driver reads alike. */
function hostsIn(authority: string, parameters: URLSearchParams): Host[] {
  const given = parameters.get('host')
  if (given !== null) {
    const ports = (parameters.get('port') ?? '').split(',')
    return given.split(',').map((host, i) => hostOf(host, ports[i] ?? ports[0] ?? ''))
  }
  const isPlain = !authority.includes(',') && !/^%2f/i.test(authority) && !parameters.has(ATTRIBUTES)
  if (isPlain) return []
  return authority.split(',').map((each) => {
    const { host = '', port = '' } = /^(?<host>\[[^\]]*\]|[^:]*)(?::(?<port>.*))?$/.exec(each)?.groups ?? {}
    return hostOf(host, port)
  })
}

function hostOf(host: string, port: string): Host {
  const number = port === '' ? DEFAULT_PORT : Number(port)
  if (!Number.isInteger(number) || number < 1 || number > 65_535) throw malformed()
  try {
    return { host: decodeURIComponent(host).replace(/^\[(.*)\]$/, '$1') || 'localhost', port: number }
  } catch {
    throw malformed()
  }
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

/** Undefined for one host that nothing is asked of. Removes the parameter, which `pg` does not know. */
function attributesIn(parameters: URLSearchParams, hosts: readonly Host[]): Hosts['attributes'] | undefined {
  const given = parameters.get(ATTRIBUTES)
  parameters.delete(ATTRIBUTES)
  if (given === 'read-write' || given === 'primary') return given
  if (given === null) return hosts.length > 1 ? 'read-write' : undefined
  throw new TypeError(
    `${ATTRIBUTES} must be 'read-write' or 'primary', got ${JSON.stringify(given)}: a storage reads and writes the primary`,
  )
}
