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
export {
  booleanOption,
  checkOptions,
  choiceOption,
  describeValue,
  durationOption,
  functionOption,
  groupOption,
  kindOf,
  listOption,
  MAX_TIMER_MS,
  nameOption,
  noEffect,
  notAllowed,
  numberOption,
  type NumberRange,
  objectOption,
  type Option,
  type OptionsOf,
  optionTable,
  type OptionTable,
  type Overrides,
  overridesOf,
  pauseOption,
  required,
  type RequiredOption,
  type ResolvedOptions,
  resolveOptions,
  signalOption,
  textOption,
  typedOption,
  unknownOption,
  wrongType,
} from './options/index.js'
export * from './process-wide.js'
export * from './tracing.js'
