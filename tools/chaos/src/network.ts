import { type FaultProxy, type ProxyTarget, startProxy } from '@larder/dev-servers'
import type { NetworkFault, Side } from './faults.js'

/** Two ways to one server, which can fail apart. */
export class Network implements AsyncDisposable {
  readonly #ways: readonly [left: FaultProxy, right: FaultProxy]

  private constructor(left: FaultProxy, right: FaultProxy) {
    this.#ways = [left, right]
  }

  static async start(target: ProxyTarget): Promise<Network> {
    return new Network(await startProxy(target), await startProxy(target))
  }

  /** The way of the process with this index. */
  wayOf(worker: number): FaultProxy {
    return this.#ways[worker % 2 === 0 ? 0 : 1]
  }

  async break(side: Side, fault: NetworkFault): Promise<void> {
    for (const way of this.#waysOf(side)) await inflict(way, fault)
  }

  async mend(side: Side): Promise<void> {
    for (const way of this.#waysOf(side)) await way.pass()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const way of this.#ways) await way.stop()
  }

  #waysOf(side: Side): readonly FaultProxy[] {
    const [left, right] = this.#ways
    return side === 'both' ? [left, right] : side === 'left' ? [left] : [right]
  }
}

async function inflict(way: FaultProxy, { how, amount }: NetworkFault): Promise<void> {
  switch (how) {
    case 'cut':
      return way.cut()
    case 'delay':
    case 'lag':
      return way.delay(amount)
    case 'halves':
      return way.pieces(amount)
    case 'truncate':
      return way.truncate(amount)
    case 'hold':
      return way.hold()
    case 'blackhole':
      return way.blackhole()
    case 'refuse':
      return way.refuse()
  }
}
