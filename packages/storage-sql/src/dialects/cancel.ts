import { connect } from 'node:net'

// https://www.postgresql.org/docs/current/protocol-message-formats.html
const CANCEL_CODE = 80_877_102
const CANCEL_BYTES = 16
const SOCKET_PREFIX = '.s.PGSQL.'
const ANSWERS_WITHIN_MS = 1_000

/** The little of `pg`'s client that is used. */
export interface CancellableClient {
  readonly host: string
  readonly port: number
  /** What the server gave the connection to be known by. */
  readonly processID: number | null
  readonly secretKey: number | null
  readonly connection: { readonly stream: { readonly destroyed: boolean } }
}

/**
 * Asks the server to end what the client runs. Resolves when the server has heard it, or after a second; never rejects.
 * The request needs neither a password nor TLS: it is known by a secret of the connection.
 */
export async function cancelQuery(client: CancellableClient): Promise<void> {
  const { host, port, processID, secretKey, connection } = client
  if (processID === null || typeof secretKey !== 'number' || connection.stream.destroyed) return
  const request = Buffer.alloc(CANCEL_BYTES)
  request.writeInt32BE(CANCEL_BYTES, 0)
  request.writeInt32BE(CANCEL_CODE, 4)
  request.writeInt32BE(processID, 8)
  request.writeInt32BE(secretKey, 12)
  await new Promise<void>((resolve) => {
    const target = host.startsWith('/') ? { path: `${host}/${SOCKET_PREFIX}${port}` } : { host, port }
    const socket = connect(target, () => socket.write(request))
    socket.setTimeout(ANSWERS_WITHIN_MS, () => socket.destroy())
    // The server closes the connection once it has passed the request on.
    socket.on('data', () => undefined)
    socket.once('error', () => undefined)
    socket.once('close', () => resolve())
  })
}
