import type { QueryRunner } from 'typeorm'

const ANSWERS_WITHIN_MS = 1_000

/** What says which server answers. Not all of them are on every server. */
export const SERVER_VARIABLES = Object.freeze(['hostname', 'port', 'server_id', 'server_uid', 'server_uuid'])

/** A connection as its server knows it. */
export interface ServerSide {
  readonly id: number
  readonly server: string
}

type Variables = ReadonlyMap<string, string>

type Config = Readonly<Record<(typeof TARGET)[number], unknown>>
const TARGET = [
  ...([
    'host',
    'port',
    'socketPath',
    'localAddress',
    'stream',
    'ssl',
    'user',
    'password',
    'password2',
  ] as const),
  ...(['password3', 'passwordSha1', 'authPlugins', 'authSwitchHandler', 'enableCleartextPlugin'] as const),
] as const

/** The little of `mysql2`'s connection that is used. */
export interface KillableClient {
  readonly config: Config
  /** As the handshake said. */
  readonly threadId: number | null
  readonly stream: { readonly destroyed: boolean }
  /** What is under way. */
  readonly _command?: unknown
}

interface Killer {
  query(sql: string, done: (error: Error | null, rows: unknown) => void): void
  once(event: 'error', listener: () => void): void
  destroy(): void
}

interface Mysql {
  createConnection(options: object): Killer
}

/** Undefined behind a proxy that gives out connections of its own: what it would kill is not known. */
export function serverSideOf(client: KillableClient, variables: Variables): ServerSide | undefined {
  const id = Number(variables.get('pseudo_thread_id'))
  return id === client.threadId ? { id, server: serverOf(variables) } : undefined
}

function serverOf(variables: Variables): string {
  return SERVER_VARIABLES.map((name) => variables.get(name) ?? '').join(' ')
}

/** Whether the server still works for the connection, and would not notice its end before it is done. */
export function isBusy({ stream, _command: command }: KillableClient): boolean {
  return !stream.destroyed && command !== null && command !== undefined
}

/**
 * Ends a connection on its server, and with it the statement, the transaction and its locks, by a connection of its own.
 * Resolves when that was tried, or after a second; never rejects. Nothing is killed where another server answers.
 */
export async function killOnServer(
  { dataSource }: QueryRunner,
  { config }: KillableClient,
  { id, server }: ServerSide,
): Promise<void> {
  const { mysql } = dataSource.driver as unknown as { readonly mysql: Mysql }
  const target = Object.fromEntries(TARGET.map((name) => [name, config[name]]))
  const killer = mysql.createConnection({ ...target, connectTimeout: ANSWERS_WITHIN_MS })
  killer.once('error', () => undefined)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, ANSWERS_WITHIN_MS)))
  const names = SERVER_VARIABLES.map((name) => `'${name}'`).join(', ')
  const killing = ask(killer, `SHOW VARIABLES WHERE variable_name IN (${names})`).then(async (rows) => {
    if (serverOf(variablesOf(rows)) === server) await ask(killer, `KILL ${id}`)
  })
  await Promise.race([killing.catch(() => undefined), late])
  clearTimeout(timer)
  killer.destroy()
}

/** Of `SHOW VARIABLES`. */
export function variablesOf(rows: readonly Readonly<Record<string, unknown>>[]): Map<string, string> {
  return new Map(rows.map((row) => [String(row['Variable_name']), String(row['Value'])]))
}

function ask(killer: Killer, sql: string): Promise<Record<string, unknown>[]> {
  return new Promise((resolve, reject) => {
    killer.query(sql, (error, rows) => {
      if (error === null) resolve(rows as Record<string, unknown>[])
      else reject(error)
    })
  })
}
