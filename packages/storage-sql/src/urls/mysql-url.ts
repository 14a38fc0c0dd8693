import { isIP } from 'node:net'
import type { DataSourceOptions } from 'typeorm'
import { tlsOf, TLS_PARAMETERS } from './mysql-tls.js'
import { checkUrl } from './postgres-url.js'

const SOCKET_PARAMETERS = ['socketpath', 'socket', 'unixsocket']

/** What other libraries' URLs can have, and where it goes here. */
const INSTEAD: Readonly<Record<string, string>> = {
  connectionlimit: 'the option poolSize',
  poolsize: 'the option poolSize',
  pooltimeout: 'the option queueTimeoutMs',
  connecttimeout: 'the option connectTimeoutMs',
  acquiretimeout: 'the option connectTimeoutMs',
  sockettimeout: 'the option statementTimeoutMs',
  readtimeout: 'the option statementTimeoutMs',
  timeout: 'the option statementTimeoutMs',
}

/** Throws a `TypeError` for a parameter that would be passed over. */
export function mysqlOptions(type: 'mysql' | 'mariadb', url: string): DataSourceOptions {
  checkUrl(url)
  const { hostname, port, username, password, pathname, searchParams } = new URL(url)
  const host = hostname.replace(/^\[(.*)\]$/, '$1') || 'localhost'
  const given = new Map([...searchParams].map(([name, value]) => [plain(name), { name, value }]))
  const take = (name: string): string | undefined => {
    const value = given.get(name)?.value
    given.delete(name)
    return value
  }
  const ssl = tlsOf(new Map(TLS_PARAMETERS.map((name) => [name, take(name)])))
  if (typeof ssl === 'object' && ssl.verifyIdentity === true && isIP(host) > 0) {
    // mysql2 would compare the certificate with "localhost".
    throw new TypeError(
      'The URL asks for the identity of a server whose name it does not have: use VERIFY_CA',
    )
  }
  const [socketPath] = SOCKET_PARAMETERS.map(take).filter((path) => path !== undefined)
  const [charset, timezone] = ['charset', 'timezone'].map(take)
  const [unknown] = given
  if (unknown !== undefined) throw unknownParameter(unknown[1].name, INSTEAD[unknown[0]])
  return {
    type,
    host,
    ...(port !== '' && { port: Number(port) }),
    username: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: decodeURIComponent(pathname.slice(1)),
    ...(ssl !== undefined && { ssl }),
    ...(socketPath !== undefined && { socketPath }),
    ...(charset !== undefined && { charset }),
    ...(timezone !== undefined && { timezone }),
  }
}

/** `ssl-mode`, `sslMode` and `ssl_mode` are one parameter. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, '')
}

function unknownParameter(name: string, instead: string | undefined): TypeError {
  return new TypeError(
    `The URL has a parameter ${JSON.stringify(name)} that is not known: use ` +
      (instead ??
        `the option typeorm, with type, host, port, username, password, database and what is to be set`),
  )
}
