/** From options to a driver: data sources, checks of the server, migrations under a lock. */

export { ownDataSource } from './data-sources.js'
export { databaseOf, openDatabase, remember, type StorageDatabase } from './databases.js'
export { refuseGalera } from './galera.js'
export { install, installWaking, type Place, uninstall, withPlace } from './install.js'
export { underMigrationLock } from './migrate.js'
export { openDriver } from './open.js'
export { guardPool } from './pool-guard.js'
export { Opened } from './opened.js'
export { listenerOf, openingMs, openSource } from './sources.js'
