import { Inject } from '@nestjs/common'
import { type CachedOptions, QueryCache } from '../query/index.js'

/** The options of `@Cached`. */
export interface CachedMethodOptions<Args extends unknown[]> extends Omit<CachedOptions, 'tags' | 'signal'> {
  /** The key of a call's result. Default: class, method and the arguments as JSON. */
  readonly key?: string | ((...args: Args) => string) | undefined
  /** What `invalidate({ tag })` invalidates the result by: always the same for the same key. */
  readonly tags?: readonly string[] | ((...args: Args) => readonly string[]) | undefined
}

type Method<Args extends unknown[]> = (...args: Args) => Promise<unknown>

/** Where a class with cached methods has its cache. Nest injects it as a property. */
const QUERIES = Symbol('@larder/queries')

/**
 * Keeps what a method resolves to in the module's `QueryCache`. The result is what JSON makes of it, from the first call
 * on: a `Date` is a string. A rejection is not kept. Stands below decorators of routes, which mark the method they find.
 */
export function Cached<Args extends unknown[] = never[]>(options: CachedMethodOptions<Args> = {}) {
  return <M extends Method<Args>>(
    target: object,
    name: string | symbol,
    descriptor: TypedPropertyDescriptor<M>,
  ): void => {
    const method = descriptor.value
    if (method === undefined) throw new TypeError(`@Cached is for methods, and ${String(name)} is none`)
    const { key, tags, ...rest } = options
    const prefix = `${target.constructor.name}.${String(name)}`
    Inject(QueryCache)(target, QUERIES)
    const cached = function (this: { readonly [QUERIES]: QueryCache }, ...args: Args): Promise<unknown> {
      const own = typeof key === 'function' ? key(...args) : (key ?? `${prefix}:${JSON.stringify(args)}`)
      const call = { ...rest, tags: typeof tags === 'function' ? tags(...args) : tags }
      return this[QUERIES].cached(own, call, () => method.apply(this, args))
    }
    descriptor.value = cached as unknown as M
  }
}
