/** URLs of PostgreSQL (several hosts, sockets) and of MySQL (TLS). */

export { mysqlOptions } from './mysql-url.js'
export { type ClientClass, clientOfHosts, type Hosts } from './postgres-hosts.js'
export { hostsOf, postgresOptions } from './postgres-url.js'
