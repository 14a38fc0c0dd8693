import type { CacheItem, CasToken } from '../../cache.js'
import { StorageError } from '@larder/storage-core/base'
import type { MetaReply } from '../../protocol/index.js'
import { CasId } from '../cas-id.js'

/** For a line that has a value behind it. */
export function itemOf(reply: MetaReply, from: object): CacheItem {
  return { value: reply.value(), flags: reply.flags, cas: casOf(reply, from) }
}

/** With `-C` every CAS is 0 and every cas succeeds: nothing that relies on it may go on. */
export function casOf(reply: MetaReply, from: object): CasToken {
  if (reply.casHigh === 0 && reply.casLow === 0) {
    throw new StorageError('E_UNSUPPORTED', 'The server runs without CAS; start memcached without -C')
  }
  return new CasId(reply.casHigh, reply.casLow, from)
}
