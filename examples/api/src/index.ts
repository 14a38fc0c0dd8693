/** For tests. */
export { FRAMEWORKS, serve, type Framework, type ServeOptions, type Served } from './serve.js'
export { stopperOf } from './stop.js'
export { INVALIDATIONS, type Invalidation, openShop, type Shop } from './shop.js'
