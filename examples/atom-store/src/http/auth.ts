import { createHash, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { auth as basicOf } from 'hono/utils/basic-auth'
import type { AuthConfig } from '../config.js'
import { Problem } from '../problem.js'
import type { Viewer } from './env.js'

const HASH_BYTES = 32
const MAX_REMEMBERED = 1_000
const derive = promisify<string, Buffer, number, Buffer>(scrypt)

const EVERYBODY: Viewer = Object.freeze({ user: undefined, mayRead: true, isEditor: true })

/** Finds out who asks. Throws a `Problem` 401 for credentials that are wrong. */
export class Authenticator {
  readonly #config: AuthConfig | undefined
  /** Passwords that were right, as digests: a hash that is slow to guess is slow at every request. */
  readonly #known = new Set<string>()

  constructor(config: AuthConfig | undefined) {
    this.#config = config
  }

  async viewerOf(request: Request): Promise<Viewer> {
    const config = this.#config
    if (config === undefined) return EVERYBODY
    const header = request.headers.get('authorization')
    if (header === null) return { user: undefined, mayRead: config.publicReading, isEditor: false }
    const user = /^bearer /i.test(header)
      ? userOfToken(config, header.slice('bearer '.length).trim())
      : await this.#userOfPassword(config, request)
    if (user === undefined) throw this.challenge('The name, password or token is wrong')
    return { user, mayRead: true, isEditor: true }
  }

  challenge(message: string): Problem {
    const { realm = '', users = [], tokens = [] } = this.#config ?? {}
    const schemes = [users.length > 0 ? 'Basic' : undefined, tokens.length > 0 ? 'Bearer' : undefined]
    const challenges = schemes.filter(Boolean).map((scheme) => `${scheme} realm="${realm}"`)
    return new Problem(401, message, {
      headers: { 'WWW-Authenticate': challenges.join(', ') || `Basic realm="${realm}"` },
    })
  }

  async #userOfPassword({ users }: AuthConfig, request: Request): Promise<string | undefined> {
    const given = basicOf(request)
    if (given === undefined) return undefined
    const user = users.find(({ name }) => name === given.username)
    const digest = sha256(`${user?.password ?? ''} ${given.password}`).toString('hex')
    if (this.#known.has(digest)) return user?.name
    // Also for a name that nobody has, which takes as long.
    const [, salt = '', hash = ''] = (user?.password ?? 'scrypt:00:00').split(':')
    const derived = await derive(given.password, Buffer.from(salt, 'hex'), HASH_BYTES)
    if (user === undefined || !isSame(derived, Buffer.from(hash, 'hex'))) return undefined
    if (this.#known.size >= MAX_REMEMBERED) this.#known.clear()
    this.#known.add(digest)
    return user.name
  }
}

/** As the configuration takes it. */
export async function hashPassword(password: string, salt: Buffer): Promise<string> {
  const hash = await derive(password, salt, HASH_BYTES)
  return `scrypt:${salt.toString('hex')}:${hash.toString('hex')}`
}

function userOfToken({ tokens }: AuthConfig, token: string): string | undefined {
  const given = sha256(token)
  return tokens.find(({ sha256: hash }) => isSame(given, Buffer.from(hash, 'hex')))?.name
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function isSame(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}
