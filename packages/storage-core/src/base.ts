/**
 * What every package of Larder shares and what knows nothing of storages: errors and their codes, checks of option names,
 * JSON,
 * abort signals, diagnostics channels. A program that uses the memcached client alone loads this and not the contract.
 *
 * @packageDocumentation
 */

export * from './abort.js'
export * from './errors.js'
export * from './json-text.js'
export * from './option-names.js'
export * from './watch.js'
