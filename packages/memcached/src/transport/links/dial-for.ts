import type { ConnectionOptions } from 'node:tls'
import type { ServerAddress } from '../../server-address.js'
import type { Credentials } from '../credentials.js'
import { openMeta, openMetaWithOwnCas } from '../meta/session.js'
import type { OpenSession } from '../session.js'
import { openProxiedText, openText } from '../text/session.js'
import { askingDial, type Question } from './asking-link.js'
import { binaryDial } from './binary-dial.js'
import type { Dial } from './link.js'
import { binaryQuestion, classicQuestion, metaQuestion } from './questions.js'

/** How a server is spoken to; `'auto'`: as its answers say, asked anew for each connection. */
export type Transport = 'auto' | 'meta' | 'binary' | 'text'

/** How to connect to a server, and to find out how to speak to it. */
export function dialFor(
  transport: Transport,
  address: ServerAddress,
  credentials: Credentials | undefined,
  tls: ConnectionOptions | undefined,
  ownCasNumbers = false,
): Dial {
  // SASL: who is asked in vain for a login by text would store it as an item.
  if (transport === 'binary' || (transport === 'auto' && credentials !== undefined))
    return binaryDial(address, credentials, tls)
  if (ownCasNumbers) return askingDial(address, tls, () => askMeta(credentials, openMetaWithOwnCas))
  const questions = { meta: askMeta, text: askText, auto: askAll }[transport]
  return askingDial(address, tls, () => questions(credentials))
}

function askMeta(credentials: Credentials | undefined, open: OpenSession = openMeta): readonly [Question] {
  return [metaQuestion(credentials, (line) => (line === 'MN' ? open : undefined))]
}

function askText(credentials: Credentials | undefined): readonly [Question, Question] {
  const isText = (line: string) => (line === 'MN' || line === 'ERROR' ? openText : undefined)
  return [metaQuestion(credentials, isText, true), classicQuestion(credentials, () => openProxiedText)]
}

/** Any line but `MN` and a bare `ERROR` says nothing about what the server knows: it is an error. */
function askAll(credentials: Credentials | undefined): readonly [Question, Question, Question] {
  let isServer = false
  const judge = (line: string) => {
    isServer = line === 'ERROR'
    return line === 'MN' ? openMeta : isServer ? 'next' : undefined
  }
  const open = () => (isServer ? openText : openProxiedText)
  return [metaQuestion(credentials, judge, true), binaryQuestion(), classicQuestion(credentials, open)]
}
