/** One of several servers of which one takes writes. */
export interface Host {
  readonly host: string
  readonly port: number
}

/** What must be true of the server: `primary` may be read-only by its settings. */
export type SessionAttributes = 'read-write' | 'primary'

export interface Hosts {
  readonly hosts: readonly Host[]
  readonly attributes: SessionAttributes
}

/** The little of `pg`'s client that is used. */
export interface PostgresClient {
  host: string
  port: number
  readonly connectionParameters: { host: string; port: number }
  connect(callback?: (error?: Error | null, client?: unknown) => void): Promise<unknown> | undefined
  query(sql: string): Promise<{ readonly rows: readonly unknown[] }>
  end(): Promise<void>
  on(event: 'error', listener: () => void): unknown
}

export type ClientClass = new (options: unknown) => PostgresClient

const LOOK =
  'SELECT pg_is_in_recovery()::text AS standby, current_setting($$transaction_read_only$$) AS read_only'

/** `pg`'s client, which asks all hosts before it connects, and connects to the first that says it takes writes. */
export function clientOfHosts(Client: ClientClass, { hosts, attributes }: Hosts): ClientClass {
  let asking: Promise<Host> | undefined
  return class extends Client {
    readonly #options: unknown

    constructor(options: unknown) {
      super(options)
      this.#options = options
    }

    // The pool gives a callback, everybody else waits for the promise.
    override connect(
      callback?: (error?: Error | null, client?: unknown) => void,
    ): Promise<unknown> | undefined {
      const connecting = this.#connect()
      if (callback === undefined) return connecting
      connecting.then(() => callback(null, this), callback)
      return undefined
    }

    async #connect(): Promise<unknown> {
      // Those who connect at once ask once.
      asking ??= this.#ask().finally(() => (asking = undefined))
      lead(this, await asking)
      return super.connect()
    }

    async #ask(): Promise<Host> {
      const asked = hosts.map((host) => lookAt(new Client(this.#options), host, attributes))
      try {
        return await Promise.any(asked)
      } catch (cause) {
        const { errors } = cause as AggregateError
        const message = errors.map((error, i) => `${nameOf(hosts[i])}: ${messageOf(error)}`).join('; ')
        throw new Error(`No host takes writes: ${message}`, { cause })
      }
    }
  }
}

/** Resolves where the server takes writes. */
async function lookAt(client: PostgresClient, host: Host, attributes: SessionAttributes): Promise<Host> {
  client.on('error', () => undefined)
  lead(client, host)
  try {
    await client.connect()
    const { rows } = await client.query(LOOK)
    const [row] = rows as { readonly standby: string; readonly read_only: string }[]
    if (row?.standby !== 'false') throw new Error('it is a standby')
    if (attributes === 'read-write' && row.read_only !== 'off') throw new Error('it is read-only')
    return host
  } finally {
    client.end().catch(() => undefined)
  }
}

function lead(client: PostgresClient, { host, port }: Host): void {
  for (const each of [client, client.connectionParameters]) {
    each.host = host
    each.port = port
  }
}

function nameOf(host: Host | undefined): string {
  return host === undefined ? '' : `${host.host}:${host.port}`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
