/**
 * What every package of Larder shares and what knows nothing of storages: errors and their codes, declarations of options,
 * JSON, abort signals, turns of the event loop, diagnostics channels. A program that uses the memcached client alone loads this and not the contract.
 *
 * @packageDocumentation
 */

export * from './abort.js'
export * from './backoff.js'
export * from './error-codes.js'
export * from './errors.js'
export * from './event-loop.js'
export * from './json-text.js'
export type * from './jsonify.js'
export * from './lone-surrogate.js'
export * from './options/number-option.js'
export * from './options/option-errors.js'
export * from './options/option-kinds.js'
export * from './options/option-table.js'
export * from './process-wide.js'
export * from './tracing.js'
