import type { Socket } from 'node:net'
import { FaultyServer, replyTo } from './faulty-server.js'
import { opaqueOf, TextServer } from './text-server.js'

/** One command as a server of either protocol reads it. */
export interface Asked {
  readonly key: string
  readonly socket: Socket
  /** Counts from 1. */
  readonly connection: number
  /** The bytes that answer a read with this value. */
  hit(value: string): Buffer
  /** The bytes that answer a store. */
  done(): Buffer
}

export interface FaultyWire {
  readonly address: string
  readonly connections: number
  /** Connections whose client still reads. */
  readonly open: number
  /** How often each key was asked for. */
  readonly asked: readonly string[]
  stop(): Promise<void>
}

/** A server of one protocol that does what the script says. */
export async function startWire(
  transport: 'meta' | 'binary',
  script: (asked: Asked) => void,
): Promise<FaultyWire> {
  const asked: string[] = []
  const take = (command: Asked) => {
    asked.push(command.key)
    script(command)
  }
  const server = transport === 'meta' ? await startMeta(take) : await startBinary(take)
  return {
    asked,
    address: server.address,
    get connections() {
      return server.connections
    },
    get open() {
      return server.open
    },
    stop: () => server.stop(),
  }
}

function startBinary(take: (asked: Asked) => void): Promise<FaultyServer> {
  return FaultyServer.start((request, socket, connection) => {
    const { key } = request
    take({
      key,
      socket,
      connection,
      hit: (value) => replyTo(request, { value }),
      done: () => replyTo(request),
    })
  })
}

function startMeta(take: (asked: Asked) => void): Promise<TextServer> {
  return TextServer.start((line, socket, connection) => {
    const [verb, key = ''] = line.split(' ')
    const hit = (value: string) =>
      verb === 'gets'
        ? Buffer.from(`VALUE ${key} 0 ${value.length} 1\r\n${value}\r\nEND\r\n`)
        : Buffer.from(`VA ${value.length} f0 c1 ${opaqueOf(line)}\r\n${value}\r\n`)
    take({ key, socket, connection, hit, done: () => Buffer.from(`HD c1 ${opaqueOf(line)}\r\n`) })
  })
}
