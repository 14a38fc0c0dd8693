import { createConnection } from 'mysql2/promise'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort, LOOPBACK } from './address.js'
import { type MariadbServer, startMariadb } from './mariadb.js'

const LIBRARIES = [
  '/usr/lib/galera/libgalera_smm.so',
  '/usr/lib64/galera/libgalera_smm.so',
  '/usr/lib64/galera-4/libgalera_smm.so',
]

/** The provider comes with MariaDB's package. */
function library(): string {
  const found = LIBRARIES.find((path) => existsSync(path))
  if (found === undefined) throw new Error(`Galera is not installed: none of ${LIBRARIES.join(', ')}`)
  return found
}

// A node that is gone is missed soon.
const TIMES = ['evs.keepalive_period=PT0.2S', 'evs.suspect_timeout=PT1S', 'evs.inactive_timeout=PT2S']

/** Killed: in good order each would wait for the others. */
async function stopAll(nodes: readonly MariadbServer[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.kill()))
  await Promise.all(nodes.map((node) => node.stop()))
}

const READY_WITHIN_MS = 60_000

async function stateOf({ url }: MariadbServer): Promise<string | undefined> {
  const connection = await createConnection({ uri: url })
  try {
    const [rows] = await connection.query("SHOW STATUS LIKE 'wsrep_local_state_comment'")
    return (rows as { readonly Value: string }[])[0]?.Value
  } finally {
    connection.destroy()
  }
}

/** A node takes connections before it has joined the others, and closes them when it does. */
async function synced(node: MariadbServer): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS
  for (;;) {
    const state = await stateOf(node).catch(String)
    if (state === 'Synced') return
    if (Date.now() > deadline) throw new Error(`A Galera node was not ready in time: ${state}`)
    await sleep(50)
  }
}

/** A Galera cluster of MariaDB nodes, each of which takes writes. */
export class GaleraCluster implements AsyncDisposable {
  readonly nodes: readonly MariadbServer[]

  private constructor(nodes: readonly MariadbServer[]) {
    this.nodes = nodes
  }

  /** Settings as for `startMariadb`, for all nodes. */
  static async start(size = 3, settings: Readonly<Record<string, string>> = {}): Promise<GaleraCluster> {
    const ports = await Promise.all(Array.from({ length: size }, () => freePort()))
    const members = ports.map((port) => `${LOOPBACK}:${port}`)
    const nodes: MariadbServer[] = []
    try {
      for (const [i, member] of members.entries()) {
        const transfer = await freePort()
        const options = [
          `gmcast.listen_addr=tcp://${member}`,
          `ist.recv_addr=${LOOPBACK}:${transfer}`,
          ...TIMES,
        ]
        const node = await startMariadb({
          settings: {
            'wsrep-on': 'ON',
            'wsrep-provider': library(),
            // An empty list makes a cluster; the others join those that are there.
            'wsrep-cluster-address': `gcomm://${members.slice(0, i).join(',')}`,
            'wsrep-cluster-name': `larder-${ports[0]}`,
            'wsrep-node-address': LOOPBACK,
            'wsrep-node-name': `node${i}`,
            'wsrep-provider-options': options.join(';'),
            'wsrep-sst-method': 'rsync',
            'wsrep-sst-receive-address': `${LOOPBACK}:${await freePort()}`,
            'binlog-format': 'ROW',
            'innodb-autoinc-lock-mode': '2',
            ...settings,
          },
        })
        nodes.push(node)
        await synced(node)
      }
      // The donor of the last one leaves the group for a moment.
      for (const node of nodes) await synced(node)
      return new GaleraCluster(nodes)
    } catch (error) {
      await stopAll(nodes)
      throw error
    }
  }

  async stop(): Promise<void> {
    await stopAll(this.nodes)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}

/** Three nodes on loopback ports. */
export function startGalera(
  size?: number,
  settings?: Readonly<Record<string, string>>,
): Promise<GaleraCluster> {
  return GaleraCluster.start(size, settings)
}
