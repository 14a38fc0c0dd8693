/** Connections to one server: commands as data, sessions for the meta, binary and text protocol, time-outs, reconnects. */

export { CasId, foreignToken } from './cas-id.js'
export { Channel, type ExecuteOptions } from './channel.js'
export { askCluster, type ClusterConfig } from './cluster-config.js'
export type {
  Cas,
  Command,
  KeyCommand,
  ResultOf,
  ServerCommand,
  Store,
  StoreKind,
  WireItem,
  WireKey,
} from './commands.js'
export { CREDENTIAL_OPTIONS, type Credentials, credentialsOf } from './credentials.js'
export { DatagramReader } from './datagram-reader.js'
export { dialFor } from './links/dial-for.js'
export {
  checkMemjsServer,
  memjsAddress,
  type MemjsClient,
  memjsCredentials,
  type MemjsServer,
} from './memjs.js'
export { CHANNEL_OPTIONS, type ChannelOptions } from './options.js'
export { ServerHealth } from './server-health.js'
export { checkUdpWait, UDP_OPTIONS, type UdpOptions } from './udp-options.js'
export { withTimeout } from './with-timeout.js'
