import { readFileSync } from 'node:fs'

export interface PackageRules {
  /** The workspace packages that its sources may import, by exact specifier. */
  readonly mayImport: readonly string[]
  /**
   * Files and folders (with a slash at the end) below `src`, lowest layer first. The longest match counts.
   * Without layers only cycles, packages and the entry point are checked.
   */
  readonly layers?: readonly (readonly string[])[]
  /**
   * Layers inside of folders of `layers`, lowest first: files below the folder, each by its path from there. Its
   * `index.ts` is above them all.
   */
  readonly inside?: Readonly<Record<string, readonly (readonly string[])[]>>
  /** Folders below `src` that no other source may import, though they have a layer. */
  readonly forTestsOnly?: readonly string[]
}

export interface LayersConfig {
  /** The scope of the workspace's own packages, with its slash: `@larder/`. */
  readonly scope: string
  /** Package folders, from the root of the repository. */
  readonly packages: Readonly<Record<string, PackageRules>>
}

export function readConfig(file: string): LayersConfig {
  return JSON.parse(readFileSync(file, 'utf8')) as LayersConfig
}
