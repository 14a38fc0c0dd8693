import {
  isStorageError,
  MemoryStorage,
  NotFoundError,
  type ByteSource,
  type CallOptions,
  type ExistsOptions,
  type PartStream,
  type PartsWriteOptions,
  type ReadManyOptions,
  type ResourceInfo,
  type StoredPart,
  type WriteOptions,
  type WriteResult,
} from '@larder/storage-core'
import { checkSource, type PutArguments } from '@larder/storage-core/driver'
import { Readable } from 'node:stream'
import { Defective, mutant, type Mutant } from './mutant.js'

class LosesMetadata extends Defective {
  override put(info: ResourceInfo, ...[parts, options]: PutArguments) {
    const kept = parts.content === undefined ? parts : { content: parts.content }
    return super.put(info, ...([kept, options] as PutArguments))
  }
}

class TakesEmptyForMissing extends Defective {
  override async getContent(info: ResourceInfo, options?: CallOptions) {
    const part = await super.getContent(info, options)
    if (part.size === 0) throw new NotFoundError('empty')
    return part
  }
}

class WritesPartsInTwoSteps extends Defective {
  override async put(info: ResourceInfo, ...[parts, options]: PutArguments) {
    let result: WriteResult | undefined
    if (parts.content !== undefined) result = await super.putContent(info, parts.content, options)
    if (parts.metadata !== undefined) result = await super.putMetaData(info, parts.metadata, options)
    return result ?? super.put(info, ...([parts, options] as PutArguments))
  }
}

class IgnoresIfMatch extends Defective {
  override putContent(info: ResourceInfo, content: ByteSource, options?: WriteOptions) {
    return super.putContent(info, content, { ...options, ifMatch: undefined })
  }
}

class ChecksBeforeItWrites extends Defective {
  override async putContent(info: ResourceInfo, content: ByteSource, options: WriteOptions = {}) {
    const { ifNoneMatch, ...rest } = options
    if (ifNoneMatch !== undefined && (await super.exists(info, { part: 'content' }))) {
      return super.putContent(info, content, options)
    }
    return super.putContent(info, content, rest)
  }
}

class RestartsVersions extends Defective {
  readonly #first = new Map<string, number>()

  override async putContent(info: ResourceInfo, content: ByteSource, options?: WriteOptions) {
    const result = await super.putContent(info, content, options)
    if (result.created) this.#first.set(info.key, result.version)
    return this.#shifted(info, result)
  }

  override async getContent(info: ResourceInfo, options?: CallOptions) {
    return this.#shifted(info, await super.getContent(info, options))
  }

  override async removeContent(info: ResourceInfo, options?: WriteOptions) {
    return this.#shifted(info, await super.removeContent(info, options))
  }

  #shifted<T extends WriteResult | StoredPart>(info: ResourceInfo, answer: T): T {
    const version = answer.version - (this.#first.get(info.key) ?? answer.version) + 1
    return { ...answer, version, etag: `"${version}"` }
  }
}

class CountsVersionsByTheSecond extends Defective {
  override async putContent(info: ResourceInfo, content: ByteSource, options?: WriteOptions) {
    const result = await super.putContent(info, content, options)
    const version = Math.floor(result.version / 1e9)
    return { ...result, version, etag: `"${version}"` }
  }
}

class ComplainsOfMissing extends Defective {
  override async removeContent(info: ResourceInfo, options?: WriteOptions) {
    const result = await super.removeContent(info, options)
    if (!result.changed) throw new NotFoundError('nothing to remove')
    return result
  }
}

class RemovesBothParts extends Defective {
  override removeContent(info: ResourceInfo, options?: WriteOptions) {
    return super.remove(info, options as PartsWriteOptions | undefined)
  }
}

class AnswersByKey extends Defective {
  override getMany(infos: readonly ResourceInfo[], options?: ReadManyOptions) {
    return super.getMany(
      [...infos].sort((a, b) => (a.key < b.key ? -1 : 1)),
      options,
    )
  }
}

class AnswersWithoutGaps extends Defective {
  override async getMany(infos: readonly ResourceInfo[], options?: ReadManyOptions) {
    return (await super.getMany(infos, options)).filter((part) => part !== undefined)
  }
}

class AnswersTwiceWithTheSame extends Defective {
  override async getMany(infos: readonly ResourceInfo[], options?: ReadManyOptions) {
    const answer = await super.getMany(infos, options)
    return infos.map((info) => answer[infos.findIndex((other) => other.key === info.key)])
  }
}

class KeepsHalfAStream extends Defective {
  override async putContent(info: ResourceInfo, content: ByteSource, options?: WriteOptions) {
    const checked = checkSource(content)
    if ('bytes' in checked) return super.putContent(info, checked.bytes, options)
    const chunks: Uint8Array[] = []
    try {
      for await (const chunk of checked.stream) chunks.push(chunk.slice())
    } catch (error) {
      await super.putContent(info, Buffer.concat(chunks), options)
      throw error
    }
    return super.putContent(info, Buffer.concat(chunks), options)
  }
}

class DestroysWhatItRefuses extends Defective {
  override async putContent(info: ResourceInfo, content: ByteSource, options?: WriteOptions) {
    try {
      return await super.putContent(info, content, options)
    } catch (error) {
      if (content instanceof Readable) content.destroy()
      throw error
    }
  }
}

class LoopsOverSources extends Defective {
  override async putContent(info: ResourceInfo, content: ByteSource, options?: WriteOptions) {
    const isStream = typeof content === 'object' && Symbol.asyncIterator in content
    return super.putContent(info, isStream ? passedOn(content) : content, options)
  }
}

async function* passedOn(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* source
}

class LeavesFilesOpen extends Defective {
  override async putContent(info: ResourceInfo, content: ByteSource, options?: WriteOptions) {
    return super.putContent(info, typeof content === 'function' ? await content() : content, options)
  }
}

class KeepsChunksUncopied extends Defective {
  override async putContent(info: ResourceInfo, content: ByteSource, options?: WriteOptions) {
    const checked = checkSource(content)
    if ('bytes' in checked) return super.putContent(info, checked.bytes, options)
    const chunks: Uint8Array[] = []
    for await (const chunk of checked.stream) chunks.push(chunk)
    return super.putContent(info, Buffer.concat(chunks), options)
  }
}

class MixesStreams extends Defective {
  override async openContent(info: ResourceInfo, options?: CallOptions): Promise<PartStream> {
    const opened = await super.openContent(info, options)
    const read = async (from: number) => {
      try {
        return (await super.getContent(info)).bytes.subarray(from, from + 100_000)
      } catch (error) {
        if (isStorageError(error, 'E_NOT_FOUND')) return new Uint8Array()
        throw error
      }
    }
    async function* stream() {
      for (let at = 0; at < opened.size; at += 100_000) yield read(at)
    }
    return { ...opened, stream: stream() }
  }
}

class IgnoresTheAskedPart extends Defective {
  override exists(info: ResourceInfo, options?: ExistsOptions) {
    return super.exists(info, { signal: options?.signal })
  }
}

export const MUTANTS_OF_PARTS: readonly Mutant[] = [
  mutant('parts', 'loses the metadata of a write of both parts', () => new LosesMetadata()),
  mutant('parts', 'takes empty content for missing', () => new TakesEmptyForMissing()),
  mutant('streams in', 'writes the parts in two steps', () => new WritesPartsInTwoSteps()),
  mutant('conditional writes', 'ignores ifMatch', () => new IgnoresIfMatch()),
  mutant('conditional writes', 'checks ifNoneMatch before it writes', () => new ChecksBeforeItWrites()),
  mutant('versions', 'starts versions again after a removal', () => new RestartsVersions()),
  mutant('versions', 'counts versions by the second', () => new CountsVersionsByTheSecond()),
  mutant('removal', 'complains of removing what is missing', () => new ComplainsOfMissing()),
  mutant('removal', 'removes both parts for one', () => new RemovesBothParts()),
  mutant('getMany', 'answers in the order of keys', () => new AnswersByKey()),
  mutant('getMany', 'leaves out what is missing', () => new AnswersWithoutGaps()),
  mutant('getMany', 'answers twice with the same bytes', () => new AnswersTwiceWithTheSame()),
  mutant('streams in', 'keeps half a stream', () => new KeepsHalfAStream()),
  mutant('streams in', 'destroys what it refuses', () => new DestroysWhatItRefuses()),
  mutant('streams in', 'destroys what it reads in a loop', () => new LoopsOverSources()),
  mutant('streams in', 'does not close what a function opened', () => new LeavesFilesOpen()),
  mutant('streams in', 'does not copy chunks', () => new KeepsChunksUncopied()),
  mutant('streams out', 'mixes old and new content', () => new MixesStreams()),
  mutant('containers, exists and persist', 'ignores which part was asked', () => new IgnoresTheAskedPart()),
  mutant(
    'addressing',
    'glues names together for its keys',
    () => new MemoryStorage({ keyGenerator: (collection, resource = '') => `${collection}:${resource}` }),
  ),
]
