/** How the proxy tells its items apart: the kinds of `proxy/entry.ts` in storage-memcache, as they go over the wire. */
export const ItemFlags = Object.freeze({
  value: 0x4c44_5201,
  absent: 0x4c44_5202,
  split: 0x4c44_5203,
  lease: 0x4c44_5204,
  mark: 0x4c44_5205,
})
