/** A cache in front of a storage: reads, writes and transactions. */

export { PartCache } from './part-cache.js'
export type { Content, Found } from './part-form.js'
export { ProxyDriver } from './proxy-driver.js'
