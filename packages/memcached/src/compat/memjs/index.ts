/**
 * The API of memjs 1.3: a program that uses it changes the name of the package, and nothing else.
 *
 * @packageDocumentation
 */

import { Client } from './client.js'
import { Server } from './server.js'

export type { Callback } from './callbacks.js'
export type { FlushResults, StatsCallback } from './client.js'
export type {
  CountCallback,
  Counted,
  CountOptions,
  DoneCallback,
  Found,
  FoundCallback,
  StoreOptions,
} from './key-commands.js'
export type { ClientOptions, Logger, Serializer } from './options.js'
export { Client, Server }
/** As `require('memjs')` gives it. */
export default { Client, Server }
