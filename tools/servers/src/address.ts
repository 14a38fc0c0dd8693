import { createServer } from 'node:net'

export const LOOPBACK = '127.0.0.1'

// Below the range that Linux and macOS hand out to outgoing connections, so that a stopped server's port is
// still free when the server is started again.
const FIRST_PORT = 20_000
const LAST_PORT = 32_000

/** Whether something can listen on this loopback port now. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, LOOPBACK, () => probe.close(() => resolve(true)))
  })
}

/** A loopback port on which nothing listened a moment ago. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT))
    if (await isFree(port)) return port
  }
}
