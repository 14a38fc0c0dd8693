import type { MetaReply } from '../../protocol/index.js'
import type { Call } from '../call.js'
import type { ServerCommand } from '../commands.js'
import type { Reader } from '../session.js'
import { unexpected } from './errors.js'

/** The classic commands to a server itself, which the meta commands have no other for; answered by lines. */
export function serverLine(command: ServerCommand): string {
  switch (command.kind) {
    case 'flushAll':
      return `flush_all ${command.delaySeconds}`
    case 'stats':
      return command.topic === '' ? 'stats' : `stats ${command.topic}`
    case 'version':
      return 'version'
  }
}

/** Reads the lines that answer `serverLine`. */
export function linesReader(command: ServerCommand): Reader<MetaReply> {
  if (command.kind === 'stats') return new StatsReader()
  return command.kind === 'version' ? VERSION : FLUSHED
}

const VERSION = lineReader((line) => line.replace(/^VERSION /, ''))
const FLUSHED = lineReader(() => true)

function lineReader(read: (line: string) => unknown): Reader<MetaReply> {
  return {
    receive(call: Call, reply: MetaReply) {
      const line = reply.line()
      if (isError(line)) call.fail(unexpected(reply))
      else call.succeed(read(line))
      return 'last'
    },
  }
}

class StatsReader implements Reader<MetaReply> {
  readonly #stats = new Map<string, string>()

  receive(call: Call, reply: MetaReply): 'more' | 'last' {
    const line = reply.line()
    // `stats cachedump` lists the items of a slab class in lines of their own.
    const [, name, value] = /^(?:STAT|ITEM) (\S+) (.*)$/.exec(line) ?? []
    if (name !== undefined && value !== undefined) this.#stats.set(name, value)
    if (isError(line)) call.fail(unexpected(reply))
    else if (line !== 'END' && line !== 'RESET') return 'more'
    call.succeed(this.#stats)
    return 'last'
  }
}

function isError(line: string): boolean {
  return /^(?:ERROR$|CLIENT_ERROR |SERVER_ERROR )/.test(line)
}
