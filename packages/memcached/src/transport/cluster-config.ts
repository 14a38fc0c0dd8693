import { CacheUnavailableError, StorageError } from '@larder/storage-core/base'
import { isIPv6 } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { addressText, type ServerAddress } from '../server-address.js'
import { openSocket } from './links/open-socket.js'

/** The servers of a cluster, as its configuration endpoint names them. */
export interface ClusterConfig {
  /** Counts up with every change. */
  readonly version: number
  /** As `parseServers` reads them. */
  readonly servers: readonly string[]
}

const QUESTION = 'config get cluster\r\n'
/** A cluster has dozens of servers, of less than 300 bytes each. */
const MAX_ANSWER_BYTES = 256 * 1024
const END = '\r\nEND\r\n'
const ANSWER =
  /^CONFIG cluster \d+ (?<bytes>\d+)\r\n(?<version>\d+)\r?\n(?<servers>[^\r\n]*)\r?\n?\r\nEND\r\n$/

/**
 * Asks once, over a connection of its own. The command and its answer are those of Amazon ElastiCache ("Adding auto
 * discovery to your client library"): a version, then `host|ip|port` for each server; the ip may be missing.
 * Rejects with `E_CACHE_UNAVAILABLE`, `E_TIMEOUT`, or with `E_SERVER` where the answer is no configuration.
 */
export function askCluster(
  endpoint: ServerAddress,
  timeoutMs: number,
  tls: ConnectionOptions | undefined,
): Promise<ClusterConfig> {
  const name = addressText(endpoint)
  return new Promise<string>((resolve, reject) => {
    let answer = ''
    const receive = (chunk: Buffer) => {
      answer += chunk.toString('latin1')
      if (isWhole(answer)) end(() => resolve(answer))
    }
    const socket = openSocket(endpoint, tls, receive, () => socket.write(QUESTION))
    const end = (settle: () => void) => {
      clearTimeout(timer)
      socket.destroy()
      settle()
    }
    const timer = setTimeout(() => {
      const error = new StorageError('E_TIMEOUT', `${name} did not tell its cluster within ${timeoutMs} ms`)
      end(() => reject(error))
    }, timeoutMs)
    const lose = (cause?: Error) =>
      end(() => reject(new CacheUnavailableError(`${name}: ${cause?.message ?? 'closed'}`, { cause })))
    socket.on('error', lose)
    socket.on('close', () => lose())
  }).then(readConfig)
}

function isWhole(answer: string): boolean {
  const isError = /^(?:END|ERROR|(?:CLIENT|SERVER)_ERROR [^\n]*)\r\n/.test(answer)
  return isError || answer.endsWith(END) || answer.length > MAX_ANSWER_BYTES
}

/** Throws `E_SERVER` for everything that is no answer to the question. */
export function readConfig(answer: string): ClusterConfig {
  const { bytes, version, servers = '' } = ANSWER.exec(answer)?.groups ?? {}
  const length = answer.length - END.length - answer.indexOf('\r\n') - 2
  const list = servers.split(' ').map(readServer)
  if (version === undefined || Number(bytes) !== length || list.includes(undefined)) {
    const start = JSON.stringify(answer.slice(0, 100))
    throw new StorageError('E_SERVER', `The endpoint names no cluster: it answered ${start}`)
  }
  return { version: Number(version), servers: list.filter((server) => server !== undefined) }
}

function readServer(text: string): string | undefined {
  const [host, ip, port, ...more] = text.split('|')
  const name = host === '' ? ip : host
  if (name === undefined || name === '' || port === undefined || !/^\d+$/.test(port) || more.length > 0)
    return undefined
  return isIPv6(name) ? `[${name}]:${port}` : `${name}:${port}`
}
