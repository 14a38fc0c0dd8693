import { type CallEvent, isStorageError, type RequestEvent, type WorkEvent } from '@larder/storage-core'
import type { Attributes } from '@opentelemetry/api'
import { type Channel, subscribe, unsubscribe } from 'node:diagnostics_channel'

/** Ends what was begun. */
export type End = () => void

/** `hear` must take what is published there. */
export function listen({ name }: Channel, hear: (event: never) => void): End {
  const listener = (message: unknown) => hear(message as never)
  subscribe(name, listener)
  return () => unsubscribe(name, listener)
}

/** What both spans and metrics say of any work, by the semantic conventions for databases. */
export function attributesOf({ system, operation }: WorkEvent): Attributes {
  return { 'db.system.name': system, 'db.operation.name': operation }
}

export function serverAttributes({ server }: RequestEvent): Attributes {
  if (server === undefined) return {}
  const [, host = server, port] = /^(?!\/)(.*):(\d+)$/.exec(server) ?? []
  const address = { 'server.address': host.replace(/^\[(.*)\]$/, '$1') }
  return port === undefined ? address : { ...address, 'server.port': Number(port) }
}

/** What `error.type` is; undefined: that something does not exist is an answer. */
export function errorType({ error }: WorkEvent): string | undefined {
  if (error === undefined || isStorageError(error, 'E_NOT_FOUND')) return undefined
  if (isStorageError(error)) return error.code
  return error instanceof Error ? error.name : '_OTHER'
}

export function collectionAttributes({ collection }: CallEvent): Attributes {
  return collection === undefined ? {} : { 'db.collection.name': collection }
}
