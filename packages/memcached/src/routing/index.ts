/** Which server has which key. */

export { type Continuum, ContinuumBuilder, serverAt } from './continuum.js'
export type { KeyHash, KeyHashName } from './hashes.js'
export type { Distribution } from './placement.js'
export { createRouter, type Router, ROUTING_OPTIONS, type RoutingOptions } from './router.js'
