/** Callers' streams: reading them, and leaving them resumable. */

export { hearSource } from './open-source.js'
export { SourceStream } from './source-stream.js'
export { utf8 } from './utf8.js'
