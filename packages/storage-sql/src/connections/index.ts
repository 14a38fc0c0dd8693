/** Connection pools, the two connections of SQLite, listeners, cancel requests. */

export { ClosableSource } from './closable-source.js'
export { type Connection, SERVER_ANSWERS_WITHIN_MS } from './connection.js'
export { type Listener, PostgresListener } from './listener.js'
export { PooledSource } from './pooled-source.js'
export { isTransactionPooled, type PostgresPool, type PostgresSession } from './pooler.js'
export type { ConnectionSource, Session } from './source.js'
export { whileBusy } from './sqlite-connection.js'
export { SqliteSource } from './sqlite-source.js'
export { SYSTEMS, watched } from './watched.js'
export { withTimeout } from './with-timeout.js'
