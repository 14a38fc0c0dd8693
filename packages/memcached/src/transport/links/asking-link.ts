import type { ConnectionOptions } from 'node:tls'
import type { ServerAddress } from '../../server-address.js'
import type { OpenSession } from '../session.js'
import type { Dial, Link, LinkEvents } from './link.js'
import { openSocket } from './open-socket.js'
import { linkOver } from './record-link.js'
import type { SocketLink } from './socket-link.js'

/** A question to a server that was just connected to. */
export interface Question {
  readonly bytes: Uint8Array
  /**
   * What an answer says, in latin1: how to speak to the server; `'more'`: it is not complete; `'next'`: the next
   * question is due, on a connection of its own; an error: why the server cannot be used.
   */
  judge(answer: string): OpenSession | 'more' | 'next' | Error
  /** Whether the next question is due where the server hangs up without an answer. */
  readonly mayBeUnanswered: boolean
}

/**
 * Connects, and asks one question after the other until an answer says how to speak to the server. `questions` makes
 * them anew for each attempt.
 */
export function askingDial(
  address: ServerAddress,
  tls: ConnectionOptions | undefined,
  questions: () => readonly [Question, ...Question[]],
): Dial {
  return (events) => new AskingLink(address, tls, questions(), events)
}

class AskingLink implements Link {
  readonly #address: ServerAddress
  readonly #tls: ConnectionOptions | undefined
  readonly #events: LinkEvents
  #link: SocketLink
  #isHeld = true

  constructor(
    address: ServerAddress,
    tls: ConnectionOptions | undefined,
    [first, ...others]: readonly [Question, ...Question[]],
    events: LinkEvents,
  ) {
    this.#address = address
    this.#tls = tls
    this.#events = events
    this.#link = this.#ask(first, others)
  }

  get maxRecordBytes(): number | undefined {
    return this.#link.maxRecordBytes
  }

  get bufferedBytes(): number {
    return this.#link.bufferedBytes
  }

  write(chunks: readonly Uint8Array[]): void {
    this.#link.write(chunks)
  }

  hold(isHeld: boolean): void {
    this.#isHeld = isHeld
    this.#link.hold(isHeld)
  }

  destroy(): void {
    this.#link.destroy()
  }

  #ask(question: Question, others: readonly Question[]): SocketLink {
    const events = this.#events
    let answer: string | undefined
    let isReady = false
    const receive = (chunk: Buffer) => {
      if (isReady) return link.receive(chunk)
      answer = (answer ?? '') + chunk.toString('latin1')
      const verdict = question.judge(answer)
      if (verdict === 'more') return
      if (verdict === 'next') return this.#askNext(others, new Error(`It answered ${quote(answer)}`))
      if (verdict instanceof Error) return link.lose(verdict)
      isReady = true
      link.ready(verdict)
    }
    let isAsked = false
    const lost = (error: Error) => {
      const isUnanswered = isAsked && answer === undefined && question.mayBeUnanswered
      if (isUnanswered) this.#askNext(others, error)
      else events.lost(error)
    }
    const socket = openSocket(this.#address, this.#tls, receive, () => {
      isAsked = true
      link.write([question.bytes])
    })
    const link = linkOver(socket, {
      ready: (open) => events.ready(open),
      data: (chunk) => events.data(chunk),
      drain: () => events.drain(),
      lost,
    })
    return link
  }

  #askNext([next, ...others]: readonly Question[], reason: Error): void {
    this.#link.destroy()
    if (next === undefined) return this.#events.lost(reason)
    try {
      this.#link = this.#ask(next, others)
      this.#link.hold(this.#isHeld)
    } catch (error) {
      this.#events.lost(error as Error)
    }
  }
}

/** The start of what a server said, for an error's message. */
export function quote(answer: string): string {
  return JSON.stringify(answer.slice(0, 100).trimEnd())
}
