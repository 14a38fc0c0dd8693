import { UsageError } from '@larder/example-environment'
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import * as z from 'zod'

const ENTRY_TYPE = 'application/atom+xml;type=entry'
const MEBIBYTE = 1024 * 1024
const HASH = /^[0-9a-f]{32,}$/

const term = z.strictObject({ term: z.string().min(1), label: z.string().optional() })

const categories = z.strictObject({
  /** Entries may have no other categories of this scheme. */
  fixed: z.boolean().default(false),
  scheme: z.string().min(1).optional(),
  terms: z.array(term).default([]),
})

const collection = z.strictObject({
  /** The segment of its address. */
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'must be up to 64 of a-z, 0-9 and -')
    .refine((name) => name !== 'service' && name !== 'pages', 'is an address of the server'),
  title: z.string().min(1),
  /** Media ranges; an empty list makes the collection read-only. */
  accept: z.array(z.string().regex(/^[^\s/]+\/[^\s/]+$/, 'must be a media range')).default([ENTRY_TYPE]),
  categories: z.array(categories).default([]),
})

const user = z.strictObject({
  name: z.string().regex(/^[^:]+$/),
  /** As `--hash-password` prints it. */
  password: z.string().regex(/^scrypt:[0-9a-f]+:[0-9a-f]+$/),
})

const auth = z.strictObject({
  realm: z
    .string()
    .regex(/^[^"\\]+$/)
    .default('Atom store'),
  /** Anybody may read what is no draft. */
  publicReading: z.boolean().default(true),
  /** Wrong passwords of a name, from one address, in a quarter of an hour; after them it is answered 429. */
  maxGuesses: z.int().min(1).default(10),
  users: z.array(user).default([]),
  tokens: z.array(z.strictObject({ name: z.string().min(1), sha256: z.string().regex(HASH) })).default([]),
})

const SECOND = 1_000

/** What clients may take of the server. */
const limits = z
  .strictObject({
    /** Open at a time; more are refused. */
    maxConnections: z.int().min(1).default(1_000),
    /** Requests of one connection that wait for their turn; more are not read until some are answered. */
    maxPipelined: z.int().min(1).default(16),
    /** For the head of a request. */
    headerTimeoutMs: z
      .int()
      .min(1)
      .default(20 * SECOND),
    /** For a request with its body. The default lets large media in on a slow line. */
    requestTimeoutMs: z
      .int()
      .min(1)
      .default(3_600 * SECOND),
    /** Between two requests of a connection. */
    keepAliveTimeoutMs: z
      .int()
      .min(1)
      .default(5 * SECOND),
    /** Without a byte in either direction while a request is answered. */
    idleTimeoutMs: z
      .int()
      .min(1)
      .default(120 * SECOND),
  })
  .refine(
    ({ headerTimeoutMs, requestTimeoutMs }) => headerTimeoutMs <= requestTimeoutMs,
    'headerTimeoutMs must not be more than requestTimeoutMs',
  )

const schema = z.strictObject({
  title: z.string().min(1).default('Atom store'),
  /** Where clients reach the server, such as `https://example.org/atom`; else as they say in `Host`. */
  baseUrl: z.url({ protocol: /^https?$/ }).optional(),
  pageSize: z.int().min(1).max(1_000).default(20),
  maxEntryBytes: z
    .int()
    .min(1_024)
    .max(4 * MEBIBYTE)
    .default(MEBIBYTE),
  maxMediaBytes: z
    .int()
    .min(1)
    .default(256 * MEBIBYTE),
  limits: limits.prefault({}),
  /** PUT and DELETE without `If-Match` are answered 428. */
  requireConditions: z.boolean().default(false),
  /** Without it anybody may do everything. */
  auth: auth.optional(),
  /** A module whose default export is a list of `Hooks`, by its path from the configuration file. */
  hooks: z.string().optional(),
  workspaces: z
    .array(z.strictObject({ title: z.string().min(1), collections: z.array(collection).min(1) }))
    .min(1),
})

export type Config = z.output<typeof schema>
export type CollectionConfig = z.output<typeof collection>
export type CategoriesConfig = z.output<typeof categories>
export type LimitsConfig = z.output<typeof limits>
export type AuthConfig = z.output<typeof auth>

/** The configuration makes no sense; the message says where. */
export class ConfigError extends UsageError {}

/** Checks a configuration and fills in what it leaves out. Throws `ConfigError`. */
export function checkConfig(value: unknown): Config {
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw new ConfigError(z.prettifyError(parsed.error))
  const names = parsed.data.workspaces.flatMap(({ collections }) => collections.map(({ name }) => name))
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new ConfigError(`The collection ${twice} is there twice`)
  return parsed.data
}

/** Reads the file. What it names is found from the file's folder. */
export async function readConfig(path: string): Promise<Config> {
  let value: unknown
  try {
    value = JSON.parse(await readFile(path, 'utf8'))
  } catch (cause) {
    throw new ConfigError(`${path} cannot be read: ${(cause as Error).message}`, { cause })
  }
  try {
    const config = checkConfig(value)
    const hooks = config.hooks === undefined ? undefined : resolve(dirname(path), config.hooks)
    return hooks === undefined ? config : { ...config, hooks }
  } catch (error) {
    throw error instanceof ConfigError ? new ConfigError(`${path}: ${error.message}`) : error
  }
}
