import { readFileSync } from 'node:fs'

/** In the URLs of the command line, JDBC, Prisma, Go and mysql2, without dashes and in lower case. */
export const TLS_PARAMETERS = [
  'sslmode',
  'sslaccept',
  'tls',
  'ssl',
  'usessl',
  'sslca',
  'sslcert',
  'sslkey',
] as const

type Parameter = (typeof TLS_PARAMETERS)[number]

/** What mysql2 takes. */
interface Tls {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly rejectUnauthorized?: boolean
  readonly verifyIdentity?: boolean
}

const ENCRYPTED: Tls = { rejectUnauthorized: false }
const VERIFY_CA: Tls = { rejectUnauthorized: true }
const VERIFY_IDENTITY: Tls = { rejectUnauthorized: true, verifyIdentity: true }

type Choice = Tls | 'off'

/** By parameter, and by value in lower case without dashes. */
const CHOICES: Readonly<Partial<Record<Parameter, Readonly<Record<string, Choice>>>>> = {
  sslmode: {
    disabled: 'off',
    disable: 'off',
    required: ENCRYPTED,
    require: ENCRYPTED,
    trust: ENCRYPTED,
    verifyca: VERIFY_CA,
    verifyidentity: VERIFY_IDENTITY,
    verifyfull: VERIFY_IDENTITY,
  },
  sslaccept: { strict: VERIFY_IDENTITY, acceptinvalidcerts: ENCRYPTED },
  tls: { true: VERIFY_IDENTITY, false: 'off', skipverify: ENCRYPTED },
  ssl: { true: VERIFY_IDENTITY, '1': VERIFY_IDENTITY, false: 'off', '0': 'off' },
  usessl: { true: VERIFY_IDENTITY, false: 'off' },
}

/**
 * The TLS options for mysql2, undefined without TLS. Throws a `TypeError` for a value that is not known, for parameters
 * that say different things, and for a file that cannot be read.
 */
export function tlsOf(given: ReadonlyMap<Parameter, string | undefined>): Tls | string | undefined {
  const chosen = TLS_PARAMETERS.flatMap((name) => {
    const value = given.get(name)
    return value === undefined || CHOICES[name] === undefined ? [] : [choiceOf(name, value)]
  })
  const files = {
    ...fileOf('ca', given.get('sslca')),
    ...fileOf('cert', given.get('sslcert')),
    ...fileOf('key', given.get('sslkey')),
  }
  const [first, ...others] = chosen
  if (others.some((other) => JSON.stringify(other) !== JSON.stringify(first)))
    throw new TypeError('The TLS parameters of the URL say different things')
  const hasFiles = Object.keys(files).length > 0
  if (first === 'off') {
    if (hasFiles) throw new TypeError('The URL names certificates and turns TLS off')
    return undefined
  }
  if (typeof first === 'string') return first
  // A given certificate authority means that certificates are checked.
  return first === undefined && !hasFiles ? undefined : { ...(first ?? VERIFY_CA), ...files }
}

/** A string is one of mysql2's profiles, such as `Amazon RDS`. */
function choiceOf(name: Parameter, value: string): Tls | string {
  const known = CHOICES[name] ?? {}
  const plain = value.toLowerCase().replaceAll(/[-_]/g, '')
  const choice = Object.hasOwn(known, plain) ? known[plain] : undefined
  if (choice !== undefined) return choice
  if (name === 'ssl' && value.startsWith('{')) return parsed(value)
  if (name === 'ssl' && value === 'Amazon RDS') return value
  throw new TypeError(
    `The URL's ${name} must be one of ${Object.keys(known).join(', ')} (dashes and case do not matter), ` +
      `got ${JSON.stringify(value)}; for anything else use the option typeorm with its ssl`,
  )
}

function parsed(json: string): Tls {
  try {
    return JSON.parse(json) as Tls
  } catch {
    throw new TypeError("The URL's ssl is not JSON")
  }
}

function fileOf(name: 'ca' | 'cert' | 'key', path: string | undefined): Tls {
  if (path === undefined) return {}
  try {
    return { [name]: readFileSync(path, 'utf8') }
  } catch (cause) {
    throw new TypeError(`The URL's ssl-${name} names a file that cannot be read: ${path}`, { cause })
  }
}
