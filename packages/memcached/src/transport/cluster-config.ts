import { CacheUnavailableError, StorageError } from '@larder/storage-core/base'
import { isIPv6 } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { afterAwakeTime } from './awake-time.js'
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
/** For engines older than memcached 1.4.14, which keep the configuration in an item. */
const OLD_QUESTION = 'get AmazonElastiCache:cluster\r\n'
/** A cluster has dozens of servers, of less than 300 bytes each. */
const MAX_ANSWER_BYTES = 256 * 1024
const END = '\r\nEND\r\n'
const ANSWER =
  /^(?:CONFIG cluster|VALUE AmazonElastiCache:cluster) \d+ (?<bytes>\d+)\r\n(?<version>\d+)\r?\n(?<servers>[^\r\n]*)\r?\n?\r\nEND\r\n$/

/** By what the servers are called: their host names, or their IP addresses where the endpoint knows them. */
export type ClusterAddresses = 'names' | 'ips'

/**
 * Asks once, over a connection of its own. The command and its answer are those of Amazon ElastiCache ("Adding auto
 * discovery to your client library"): a version, then `host|ip|port` for each server; the ip may be missing. An endpoint
 * that does not know the command (`ERROR`) is asked for the item that older engines keep.
 * Rejects with `E_CACHE_UNAVAILABLE`, `E_TIMEOUT`, or with `E_SERVER` where the answer is no configuration.
 */
export function askCluster(
  endpoint: ServerAddress,
  timeoutMs: number,
  tls: ConnectionOptions | undefined,
  addresses: ClusterAddresses = 'names',
): Promise<ClusterConfig> {
  const name = addressText(endpoint)
  return new Promise<string>((resolve, reject) => {
    let answer = ''
    let isOld = false
    const receive = (chunk: Buffer) => {
      answer += chunk.toString('latin1')
      if (!isOld && answer === 'ERROR\r\n') {
        isOld = true
        answer = ''
        socket.write(OLD_QUESTION)
      } else if (isWhole(answer)) end(() => resolve(answer))
    }
    const socket = openSocket(endpoint, tls, receive, () => socket.write(QUESTION))
    const end = (settle: () => void) => {
      stop()
      socket.destroy()
      settle()
    }
    const stop = afterAwakeTime(timeoutMs, () => {
      const error = new StorageError('E_TIMEOUT', `${name} did not tell its cluster within ${timeoutMs} ms`)
      end(() => reject(error))
    })
    const lose = (cause?: Error) =>
      end(() => reject(new CacheUnavailableError(`${name}: ${cause?.message ?? 'closed'}`, { cause })))
    socket.on('error', lose)
    socket.on('close', () => lose())
  }).then((answer) => readConfig(answer, addresses))
}

function isWhole(answer: string): boolean {
  const isError = /^(?:END|ERROR|(?:CLIENT|SERVER)_ERROR [^\n]*)\r\n/.test(answer)
  return isError || answer.endsWith(END) || answer.length > MAX_ANSWER_BYTES
}

/** Throws `E_SERVER` for everything that is no answer to the question. */
export function readConfig(answer: string, addresses: ClusterAddresses = 'names'): ClusterConfig {
  const { bytes, version, servers = '' } = ANSWER.exec(answer)?.groups ?? {}
  const length = answer.length - END.length - answer.indexOf('\r\n') - 2
  const list = servers.split(' ').map((server) => readServer(server, addresses))
  if (version === undefined || Number(bytes) !== length || list.includes(undefined)) {
    const start = JSON.stringify(answer.slice(0, 100))
    throw new StorageError('E_SERVER', `The endpoint names no cluster: it answered ${start}`)
  }
  return { version: Number(version), servers: list.filter((server) => server !== undefined) }
}

function readServer(text: string, addresses: ClusterAddresses): string | undefined {
  const [host, ip, port, ...more] = text.split('|')
  const [first, second] = addresses === 'ips' ? [ip, host] : [host, ip]
  const name = first === '' ? second : first
  if (name === undefined || name === '' || port === undefined || !/^\d+$/.test(port) || more.length > 0)
    return undefined
  return isIPv6(name) ? `[${name}]:${port}` : `${name}:${port}`
}
