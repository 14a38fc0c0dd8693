import { optionTable, type Option, type ResolvedOptions } from '@larder/storage-core/base'

/** Who the client is to servers that ask for it. */
export const CREDENTIAL_OPTIONS = optionTable({
  username: secretOption(),
  password: secretOption(),
})

/** A user of the servers and the password. */
export interface Credentials {
  readonly username: string
  readonly password: string
}

/** Text without blanks that no message ever shows. */
function secretOption(): Option<string> {
  return {
    takes: 'text without spaces',
    fallback: undefined,
    check(value, name) {
      if (typeof value !== 'string') throw new TypeError(`\`${name}\` must be text, got something else`)
      if (value === '') throw new RangeError(`\`${name}\` must not be empty`)
      if (/[\s\0]/.test(value)) throw new RangeError(`\`${name}\` must not contain spaces`)
      return value
    },
  }
}

/** Both, or a `TypeError` where only one is given. */
export function credentialsOf(
  given: ResolvedOptions<typeof CREDENTIAL_OPTIONS> | undefined,
): Credentials | undefined {
  if (given === undefined) return undefined
  const { username, password } = given
  if (username === undefined || password === undefined)
    throw new TypeError('`credentials` must have a username and a password')
  return { username, password }
}
