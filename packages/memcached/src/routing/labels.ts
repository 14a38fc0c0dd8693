import type { ServerAddress } from '../server-address.js'

const DEFAULT_PORT = 11211

/**
 * What libmemcached calls a server when it hashes it: without the port where that is 11211, with port 0 for a
 * socket, and without brackets around IPv6 (seen with libmemcached 1.1.4).
 */
export function ketamaLabel(address: ServerAddress): string {
  if (address.path !== undefined) return `${address.path}:0`
  return address.port === DEFAULT_PORT ? address.host : `${address.host}:${address.port}`
}

/** The same for its likeness of spymemcached, which always writes the port. */
export function spyLabel(address: ServerAddress): string {
  return address.path !== undefined ? `/${address.path}:0` : `/${address.host}:${address.port}`
}
