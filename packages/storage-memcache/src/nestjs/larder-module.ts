import { MemcacheClient } from '@larder/memcached'
import { Inject, type DynamicModule, type OnApplicationShutdown, type Provider } from '@nestjs/common'
import { MemcacheStorage } from '../memcache-storage.js'
import { QueryCache } from '../query/index.js'
import { LarderHealthIndicator } from './health-indicator.js'
import { LarderParts } from './parts.js'
import type { LarderModuleAsyncOptions, LarderModuleOptions } from './module-options.js'

const OPTIONS = Symbol('options of LarderModule')

/**
 * Provides `MemcacheClient`, `QueryCache`, `LarderHealthIndicator` and, with `storage`, `MemcacheStorage` to all
 * modules. They share one cache, and are closed when the application shuts down: call `app.enableShutdownHooks()`.
 */
export class LarderModule implements OnApplicationShutdown {
  readonly #parts: LarderParts

  constructor(parts: LarderParts) {
    this.#parts = parts
  }

  /** Throws `TypeError` or `RangeError` when the application starts for options that make no sense. */
  static forRoot(options: LarderModuleOptions): DynamicModule {
    return moduleOf({ provide: OPTIONS, useValue: options }, options.storage !== undefined, [])
  }

  static forRootAsync(options: LarderModuleAsyncOptions): DynamicModule {
    const { useFactory, inject = [], imports = [], withStorage = false } = options
    const provider = { provide: OPTIONS, useFactory, inject: [...inject] } as Provider
    return moduleOf(provider, withStorage, imports)
  }

  /** Closes everything, after the HTTP server has answered its last request. */
  onApplicationShutdown(): Promise<void> {
    return this.#parts.close()
  }
}
Inject(LarderParts)(LarderModule, undefined, 0)

function moduleOf(
  options: Provider,
  withStorage: boolean,
  imports: NonNullable<LarderModuleAsyncOptions['imports']>,
): DynamicModule {
  const parts = { provide: LarderParts, inject: [OPTIONS], useFactory: partsOf }
  const provided: Provider[] = [
    { provide: MemcacheClient, inject: [LarderParts], useFactory: ({ client }: LarderParts) => client },
    { provide: QueryCache, inject: [LarderParts], useFactory: ({ queries }: LarderParts) => queries },
    {
      provide: LarderHealthIndicator,
      inject: [LarderParts],
      useFactory: ({ client }: LarderParts) => new LarderHealthIndicator(client),
    },
  ]
  if (withStorage) provided.push({ provide: MemcacheStorage, inject: [LarderParts], useFactory: storageOf })
  const exported = provided.map(
    (provider) => (provider as { provide: Required<DynamicModule>['module'] }).provide,
  )
  return {
    module: LarderModule,
    global: true,
    imports,
    providers: [options, parts, ...provided],
    exports: exported,
  }
}

function partsOf(options: LarderModuleOptions): LarderParts {
  return new LarderParts(options)
}

function storageOf({ storage }: LarderParts): MemcacheStorage {
  if (storage === undefined)
    throw new TypeError('LarderModule has `withStorage`, but its options have no `storage`')
  return storage
}
