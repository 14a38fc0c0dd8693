/** What memjs tells of failures. */
export interface Logger {
  log(...args: unknown[]): void
}

/** How memjs turns values into bytes: `extras` are the flags, and for stores the expiry time behind them. */
export interface Serializer {
  serialize(opcode: number, value: unknown, extras: Buffer): { value: string | Buffer; extras: Buffer }
  deserialize(opcode: number, value: Buffer, extras: Buffer): { value: unknown; extras: Buffer }
}

/** Options of memjs. */
export interface ClientOptions {
  /** How often a `get`, `set`, `delete` or `touch` is tried. Default: 2. */
  retries?: number
  /** Seconds between two tries. Default: 0.2. */
  retry_delay?: number
  /** The expiry time of values that have none of their own, in seconds. Default: 0, never. */
  expires?: number
  /** Default: `console`. */
  logger?: Logger
  /** Whether the keys of a dead server go to the next one. They come back old. Default: false. */
  failover?: boolean
  /** Seconds for which a dead server is left alone, with `failover`. Default: 60. */
  failoverTime?: number
  /** Default: text and bytes go in as they are, and bytes come out. */
  serializer?: Serializer
  /** For servers that name none themselves. Default: `MEMCACHIER_USERNAME` or `MEMCACHE_USERNAME`. */
  username?: string
  /** Default: `MEMCACHIER_PASSWORD` or `MEMCACHE_PASSWORD`. */
  password?: string
  /** Seconds within which a try is settled. Default: 0.5. */
  timeout?: number
  /** Seconds within which a connection is open. Default: twice `timeout`. */
  conntimeout?: number
  /** No effect: keep-alive is always on. */
  keepAlive?: boolean
  /** No effect. */
  keepAliveDelay?: number
}

export const DEFAULTS = { failoverTime: 60, retries: 2, retry_delay: 0.2, expires: 0, timeout: 0.5 } as const

export type Settings = ClientOptions &
  Required<Pick<ClientOptions, keyof typeof DEFAULTS | 'logger' | 'serializer'>>

export const noopSerializer: Serializer = {
  serialize: (_opcode, value, extras) => ({ value: value as string | Buffer, extras }),
  deserialize: (_opcode, value, extras) => ({ value, extras }),
}

/** With the defaults of memjs, in the place of what is missing or null. */
export function settingsOf(options: ClientOptions = {}): Settings {
  const given = Object.entries(options).filter(([, value]) => value !== undefined && value !== null)
  return {
    ...DEFAULTS,
    logger: console,
    serializer: noopSerializer,
    ...(Object.fromEntries(given) as ClientOptions),
  }
}
