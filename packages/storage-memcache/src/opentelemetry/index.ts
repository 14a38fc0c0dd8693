/**
 * `instrument()`: spans and metrics for OpenTelemetry of all that storages, caches and databases do.
 *
 * @packageDocumentation
 */

export { instrument } from './instrument.js'
export type { Instrumentation, InstrumentOptions } from './instrument.js'
