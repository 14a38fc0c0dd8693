import { createHash } from 'node:crypto'
import { type Continuum, ContinuumBuilder, serverAt } from '../../routing/index.js'

/** `vnodes` of hashring: how many digests make the points of one server of average weight. */
const DIGESTS_PER_SERVER = 40
const DEFAULT_PORT = 11211

/** The name of a hash that Node knows, or a function from a text to its digest. */
export type RingHash = string | ((text: string) => string | ArrayLike<number>)

/** What a server's place on the ring depends on. */
export interface RingServer {
  name: string
  /** What its points are the hashes of. */
  readonly label: string
  readonly weight: number
  /** In the place of the share by weight. */
  readonly digests: number | undefined
}

/** A server's weight, or its weight and its number of digests. */
export type RingWeight = number | { readonly weight?: number; readonly vnodes?: number }

/**
 * Which server has which key, as in hashring 3.2, which npm `memcached` uses: ketama, with the names of servers on the
 * default port without their port.
 */
export class Ring {
  readonly #hash: (text: string) => ArrayLike<number>
  readonly #pointsPerDigest: number
  #servers: RingServer[]
  #continuum: Continuum

  constructor(servers: readonly RingServer[], hash: RingHash, compatibility: string | undefined) {
    this.#hash = digestOf(hash)
    this.#pointsPerDigest = compatibility === 'hash_ring' ? 3 : 4
    this.#servers = servers.map((server) => ({ ...server }))
    this.#continuum = this.#build()
  }

  /** Undefined where no server is left. */
  serverOf(key: string): string | undefined {
    if (this.#continuum.points.length === 0) return undefined
    return this.#servers[serverAt(this.#continuum, wordAt(this.#hash(key), 0))]?.name
  }

  /** Takes a server's points away: its keys go to the others. */
  remove(name: string): void {
    this.#servers = this.#servers.filter((server) => server.name !== name)
    this.#continuum = this.#build()
  }

  /** Gives the points of one server to another, which takes all of its keys. */
  swap(from: string, to: string): void {
    for (const server of this.#servers) if (server.name === from) server.name = to
  }

  #build(): Continuum {
    const total = this.#servers.reduce((sum, { weight }) => sum + weight, 0)
    const builder = new ContinuumBuilder()
    for (const [index, { label, weight, digests }] of this.#servers.entries()) {
      const share = Math.floor((weight / total) * DIGESTS_PER_SERVER * this.#servers.length)
      for (let i = 0; i < (digests ?? share); i++) {
        const digest = this.#hash(`${label}-${i}`)
        for (let point = 0; point < this.#pointsPerDigest; point++)
          builder.add(wordAt(digest, 4 * point), index)
      }
    }
    return builder.build()
  }
}

/** As hashring reads them: `host:port`, and a weight. */
export function ringServer(
  name: string,
  weight: RingWeight | undefined,
  compatibility: string | undefined,
): RingServer {
  const [host = '', port] = name.split(':')
  const isShort = compatibility === 'ketama' && Number(port) === DEFAULT_PORT
  const options = typeof weight === 'object' ? weight : { weight }
  const { vnodes } = typeof weight === 'object' ? weight : { vnodes: undefined }
  return {
    name,
    label: isShort ? host : name,
    weight: Number(options.weight) || 1,
    digests: vnodes === undefined || vnodes === DIGESTS_PER_SERVER ? undefined : vnodes || undefined,
  }
}

function digestOf(hash: RingHash): (text: string) => ArrayLike<number> {
  if (typeof hash === 'string') return (text) => createHash(hash).update(text).digest()
  return (text) => {
    const digest = hash(text)
    return typeof digest === 'string' ? Buffer.from(digest, 'latin1') : digest
  }
}

function wordAt(bytes: ArrayLike<number>, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]
  return ((d << 24) | (c << 16) | (b << 8) | a) >>> 0
}
