export { createMysqlDatabase, createPostgresDatabase, type TestDatabase } from './databases.js'
export type { DevServer } from './dev-server.js'
export { startProxy, type FaultProxy, type ProxyTarget } from './fault-proxy.js'
export { spawnGuarded } from './guarded.js'
export {
  browserProgram,
  ensureServers,
  findProgram,
  languageProgram,
  type LanguageKind,
  type ServerKind,
} from './install.js'
export { startMariadb, type MariadbOptions, type MariadbServer } from './mariadb.js'
export { startMemcached, type MemcachedOptions, type MemcachedServer } from './memcached.js'
export {
  REPLICATED,
  startPostgres,
  startPostgresStandby,
  type PostgresOptions,
  type PostgresServer,
} from './postgres.js'
export { startMiddleman, type Meddling, type Middleman } from './middleman/middleman.js'
export {
  startHaproxy,
  startPgbouncer,
  startPgpool,
  type Backend,
  type FrontServer,
  type PoolMode,
} from './fronts.js'
export { startGalera, type GaleraCluster } from './galera.js'
export { startTwemproxy, type TwemproxyOptions } from './twemproxy.js'
export { nodeOf } from './node-of.js'
