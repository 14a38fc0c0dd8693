/** Journal rows: dropped after a write, or relayed for a process that died. */

export { guestKeys, guestPrefix, journalKeys, QUERY_MARK, Relay } from './relay.js'
export { Acknowledger } from './acknowledger.js'
