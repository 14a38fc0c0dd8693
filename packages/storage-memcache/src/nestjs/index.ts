/**
 * A module for NestJS: client, query cache, storage, health indicator and `@Cached`.
 *
 * @packageDocumentation
 */

export { Cached } from './cached.js'
export type { CachedMethodOptions } from './cached.js'
export { LarderHealthIndicator } from './health-indicator.js'
export type { LarderHealth } from './health-indicator.js'
export { LarderModule } from './larder-module.js'
export type { LarderModuleAsyncOptions, LarderModuleOptions } from './module-options.js'
