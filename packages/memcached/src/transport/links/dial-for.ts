import type { ConnectionOptions } from 'node:tls'
import type { ServerAddress } from '../../server-address.js'
import type { Credentials } from '../credentials.js'
import { knowsOwnCas, type OwnCasNumbers } from '../meta/own-cas.js'
import { openMeta } from '../meta/session.js'
import { openProxiedText, openText } from '../text/session.js'
import { askingDial, type Question } from './asking-link.js'
import { binaryDial } from './binary-dial.js'
import type { Dial } from './link.js'
import {
  binaryQuestion,
  classicQuestion,
  META_ANSWER,
  metaQuestion,
  versionQuestion,
  type LineVerdict,
} from './questions.js'

/** How a server is spoken to; `'auto'`: as its answers say, asked anew for each connection. */
export type Transport = 'auto' | 'meta' | 'binary' | 'text'

/** How to connect to a server, and to find out how to speak to it. */
export function dialFor(
  transport: Transport,
  address: ServerAddress,
  credentials: Credentials | undefined,
  tls: ConnectionOptions | undefined,
  ownCasNumbers: OwnCasNumbers = 'auto',
): Dial {
  // SASL: who is asked in vain for a login by text would store it as an item.
  if (credentials !== undefined && (transport === 'binary' || transport === 'auto'))
    return binaryDial(address, credentials, tls)
  // A server of text alone, such as one with a password file, would wait for the end of a line.
  if (transport === 'binary') return askingDial(address, tls, () => [binaryQuestion()])
  const isMeta = transport === 'meta' || ownCasNumbers === 'always'
  const ask = transport === 'text' ? askText : isMeta ? askMeta : askAll
  return askingDial(address, tls, () => ask(credentials, ownCasNumbers))
}

function askMeta(credentials: Credentials | undefined, ownCasNumbers: OwnCasNumbers): readonly [Question] {
  return [metaOr(credentials, ownCasNumbers, () => undefined, false)]
}

/** Meta where the server knows it, else what `verdictOf` makes of its answer. */
function metaOr(
  credentials: Credentials | undefined,
  ownCasNumbers: OwnCasNumbers,
  verdictOf: LineVerdict,
  mayBeUnanswered: boolean,
): Question {
  if (ownCasNumbers === 'auto') {
    const judge = (line: string, version: string) =>
      line === META_ANSWER ? openMeta(knowsOwnCas(version) ? 'tried' : 'off') : verdictOf(line)
    return versionQuestion(credentials, judge, mayBeUnanswered)
  }
  const open = openMeta(ownCasNumbers === 'always' ? 'required' : 'off')
  return metaQuestion(credentials, (line) => (line === META_ANSWER ? open : verdictOf(line)), mayBeUnanswered)
}

function askText(credentials: Credentials | undefined): readonly [Question, Question] {
  const isText = (line: string) => (line === META_ANSWER || line === 'ERROR' ? openText : undefined)
  return [metaQuestion(credentials, isText, true), classicQuestion(credentials, () => openProxiedText)]
}

/** Any line but `MN` and a bare `ERROR` says nothing about what the server knows: it is an error. */
function askAll(
  credentials: Credentials | undefined,
  ownCasNumbers: OwnCasNumbers,
): readonly [Question, Question, Question] {
  let isServer = false
  const judge = (line: string) => {
    isServer = line === 'ERROR'
    return isServer ? 'next' : undefined
  }
  const open = () => (isServer ? openText : openProxiedText)
  return [
    metaOr(credentials, ownCasNumbers, judge, true),
    binaryQuestion(),
    classicQuestion(credentials, open),
  ]
}
