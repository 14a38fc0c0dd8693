/**
 * For packages that take options of the client as part of their own.
 *
 * @packageDocumentation
 */

export { CLIENT_OPTIONS } from './client/client-options.js'
export { REMOTE_OPTIONS } from './client/remote-options.js'
export { SERVERS_OPTION } from './client/servers.js'
