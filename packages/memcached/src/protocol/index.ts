/** Bytes of requests and replies of memcached, limits of keys and values, times to live. No I/O. */

export { Opcode, Status } from './binary/codes.js'
export { encodeRequest, NO_KEY } from './binary/encode.js'
export { BinaryFrame, HEADER_BYTES } from './binary/frame.js'
export { BinaryReceiver } from './binary/receiver.js'
export { addToCounter, checkCounter, checkDelta } from './counter.js'
export { DatagramReply, frameRequest, REQUEST_IDS, requestIdOf } from './datagram.js'
export { exptimeOf } from './expiry.js'
export { keyBytes, MAX_KEY_BYTES } from './key.js'
export {
  checkFlags,
  checkValue,
  DEFAULT_SERVER_ITEM_LIMIT_BYTES,
  MAX_SERVER_ITEM_LIMIT_BYTES,
  maxItemBytesFor,
} from './limits.js'
export { casText, encodeKey, encodeLine, encodeMeta, extendKeys } from './meta/encode.js'
export { MetaReceiver } from './meta/receiver.js'
export { ClassicCode, MetaCode, MetaReply } from './meta/reply.js'
export { OutBuffer } from './out-buffer.js'
export { encodeText } from './text.js'
