/** For tests. */
export { FRAMEWORKS, serve, type Framework, type Served } from './serve.js'
export { openShop, type Shop } from './shop.js'
