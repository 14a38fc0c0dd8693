import { getConnInfo } from '@hono/node-server/conninfo'
import { auth as basicOf } from 'hono/utils/basic-auth'
import { createHash, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import type { AuthConfig } from '../config.js'
import { Problem } from '../problem.js'
import { type Call, NOBODY, type Viewer } from './env.js'
import { Guesses } from './guesses.js'

const HASH_BYTES = 32
const MAX_REMEMBERED = 1_000
const derive = promisify<string, Buffer, number, Buffer>(scrypt)

const EVERYBODY: Viewer = Object.freeze({ user: undefined, mayRead: true, isEditor: true, isPublic: true })

/** Finds out who asks. */
export class Authenticator {
  readonly #config: AuthConfig | undefined
  readonly #guesses: Guesses
  /** Who they are for, by digest: what is slow to guess is slow to check, and what was right once is not held up again. */
  readonly #known = new Map<string, Promise<string | undefined>>()

  constructor(config: AuthConfig | undefined) {
    this.#config = config
    this.#guesses = new Guesses(config?.maxGuesses ?? 0)
  }

  /** Throws a `Problem` 401 for credentials that are wrong, and 429 where they were too often. */
  async viewerOf(call: Call): Promise<Viewer> {
    const config = this.#config
    if (config === undefined) return EVERYBODY
    const { publicReading } = config
    if (call.req.header('authorization') === undefined)
      return { ...NOBODY, mayRead: publicReading, isPublic: publicReading }
    const given = credentialsOf(config, call.req.raw)
    const user = given && (await this.#checked(getConnInfo(call).remote.address ?? '', given))
    if (user === undefined) throw this.challenge('The name, password or token is wrong')
    return { user, mayRead: true, isEditor: true, isPublic: false }
  }

  challenge(message: string): Problem {
    const { realm = '', users = [], tokens = [] } = this.#config ?? {}
    const schemes = [users.length > 0 ? 'Basic' : undefined, tokens.length > 0 ? 'Bearer' : undefined]
    const challenges = schemes.filter(Boolean).map((scheme) => `${scheme} realm="${realm}"`)
    return new Problem(401, message, {
      headers: { 'WWW-Authenticate': challenges.join(', ') || `Basic realm="${realm}"` },
    })
  }

  async #checked(address: string, { name, secret, check }: Credentials): Promise<string | undefined> {
    const digest = sha256(JSON.stringify([name, secret])).toString('hex')
    const known = this.#known.get(digest)
    if (known !== undefined) return known
    if (this.#known.size >= MAX_REMEMBERED) this.#known.clear()
    const checked = this.#guesses.limit(address, name, check)
    this.#known.set(digest, checked)
    const user = await checked.catch(() => undefined)
    if (user === undefined) this.#known.delete(digest)
    return checked
  }
}

interface Credentials {
  /** Empty for a token. */
  readonly name: string
  readonly secret: string
  /** Resolves to the name of the user that they are right for. */
  readonly check: () => Promise<string | undefined>
}

function credentialsOf({ users, tokens }: AuthConfig, request: Request): Credentials | undefined {
  const token = /^bearer +(\S+)$/i.exec(request.headers.get('authorization')?.trim() ?? '')?.[1]
  if (token !== undefined) {
    const hash = sha256(token)
    const found = tokens.find(({ sha256: wanted }) => isSame(hash, Buffer.from(wanted, 'hex')))
    return { name: '', secret: token, check: () => Promise.resolve(found?.name) }
  }
  const given = basicOf(request)
  if (given === undefined) return undefined
  const { username: name, password: secret } = given
  const hash = users.find((user) => user.name === name)?.password
  return { name, secret, check: async () => ((await isPassword(secret, hash)) ? name : undefined) }
}

/** As the configuration takes it. */
export async function hashPassword(password: string, salt: Buffer): Promise<string> {
  const hash = await derive(password, salt, HASH_BYTES)
  return `scrypt:${salt.toString('hex')}:${hash.toString('hex')}`
}

/** Takes as long where there is no such user. */
async function isPassword(password: string, hash = 'scrypt:00:00'): Promise<boolean> {
  const [, salt = '', wanted = ''] = hash.split(':')
  const derived = await derive(password, Buffer.from(salt, 'hex'), HASH_BYTES)
  return isSame(derived, Buffer.from(wanted, 'hex'))
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function isSame(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}
