import type { Channel } from './channel.js'
import { issue, type CreateExchange } from './issue.js'

/** What both protocols do alike with their connection. */
export abstract class ChannelTransport<Frame> {
  readonly #channel: Channel<Frame>

  protected constructor(channel: Channel<Frame>) {
    this.#channel = channel
  }

  disconnect(): void {
    this.#channel.disconnect()
  }

  close(): void {
    this.#channel.close()
  }

  protected issue<T>(create: CreateExchange<T, Frame>, signal: AbortSignal | undefined): Promise<T> {
    return issue(this.#channel, create, signal)
  }
}
