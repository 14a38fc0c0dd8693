import type { PartName } from '@larder/storage-core'
import { Option } from 'commander'

export const PARTS: readonly PartName[] = Object.freeze(['content', 'metadata'])

/** `--part content` or `--part metadata`. */
export function partOption(description: string): Option {
  return new Option('--part <part>', description).choices(PARTS)
}
