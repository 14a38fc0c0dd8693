import { type Environment, systemEnvironment } from '@larder/memcached'
import type { KeyGenerator, Storage } from '@larder/storage-core'
import { notAllowed, objectOption, type Option, typedOption, wrongType } from '@larder/storage-core/base'

const MAX_KEY_PREFIX_BYTES = 80
const PREFIX = /^[\x21-\x7e]*$/

/** What begins every key of an object, so that several can share servers. */
export function keyPrefixOption(fallback: string): Option<string, string> {
  const takes = `up to ${MAX_KEY_PREFIX_BYTES} characters of printable ASCII without spaces`
  return {
    takes,
    fallback,
    check(value, name) {
      if (typeof value !== 'string') throw wrongType(name, takes, value)
      if (!PREFIX.test(value) || value.length > MAX_KEY_PREFIX_BYTES) throw notAllowed(name, takes, value)
      return value
    },
  }
}

/** A storage of any kind. */
export function storageOption(): Option<Storage> {
  return typedOption('a Storage', (value): value is Storage =>
    hasMethods(value, 'info', 'putContent', 'shutdown'),
  )
}

export function keyGeneratorOption(fallback: KeyGenerator): Option<KeyGenerator, KeyGenerator> {
  return typedOption('a function', (value): value is KeyGenerator => typeof value === 'function', fallback)
}

/** Clock, chance and waiting, which simulations replace. */
export function environmentOption(): Option<Environment, Environment> {
  return {
    ...objectOption<Environment>('an Environment'),
    fallback: systemEnvironment,
  }
}

/** Whether it is an object, or a function, that has these methods. */
export function hasMethods(value: unknown, ...names: readonly string[]): boolean {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  const methods = value as Readonly<Record<string, unknown>>
  return names.every((name) => typeof methods[name] === 'function')
}
