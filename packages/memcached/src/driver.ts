/**
 * For packages that take options of the client as part of their own.
 *
 * @packageDocumentation
 */

export { CLIENT_OPTIONS, REMOTE_OPTIONS, SERVERS_OPTION } from './client/index.js'
