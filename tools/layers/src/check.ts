import { existsSync, readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import type { LayersConfig, PackageRules } from './config.js'
import { findCycles } from './cycles.js'
import { readSourceFiles, type Import, type SourceFile } from './source-files.js'

const ENTRY_POINT = 'index.ts'

interface Manifest {
  readonly name: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

interface Place {
  /** The line of the configuration that matched: files of one place may import each other. */
  readonly name: string
  readonly layer: number
}

function placeOf(path: string, layers: readonly (readonly string[])[]): Place | undefined {
  const matches = layers.flatMap((names, layer) =>
    names
      .filter((name) => (name.endsWith('/') ? path.startsWith(name) : path === name))
      .map((name) => ({ name, layer })),
  )
  return matches.sort((a, b) => b.name.length - a.name.length)[0]
}

function packageName(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

class PackageCheck {
  readonly problems: string[] = []
  readonly #folder: string
  readonly #scope: string
  readonly #rules: PackageRules
  readonly #manifest: Manifest
  readonly #files: readonly SourceFile[]

  constructor(root: string, folder: string, scope: string, rules: PackageRules) {
    this.#folder = folder
    this.#scope = scope
    this.#rules = rules
    this.#manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Manifest
    this.#files = readSourceFiles(join(root, folder, 'src'))
  }

  run(): readonly string[] {
    for (const file of this.#files) {
      const place = this.#checkPlace(file)
      for (const imported of file.imports) this.#checkImport(file, place, imported)
    }
    this.#checkDoors()
    for (const [folder, layers] of Object.entries(this.#rules.inside ?? {})) this.#checkInside(folder, layers)
    for (const cycle of findCycles(this.#files))
      this.problems.push(`${this.#folder}: cycle: ${cycle.join(' -> ')}`)
    return this.problems
  }

  /** A folder of which other places need several files has an entry point that names what they may use. */
  #checkDoors(): void {
    const wanted = new Map<string, Set<string>>()
    for (const { path, imports } of this.#files) {
      for (const { file } of imports) {
        const to = file === undefined ? undefined : this.#place(file)
        if (file === undefined || !to?.name.endsWith('/') || this.#place(path)?.name === to.name) continue
        wanted.set(to.name, (wanted.get(to.name) ?? new Set()).add(file))
      }
    }
    for (const [folder, files] of wanted) {
      const door = `${folder}${ENTRY_POINT}`
      if (files.size < 2 || this.#files.some(({ path }) => path === door)) continue
      this.problems.push(
        `${this.#folder}/src/${folder}: others import ${files.size} of its files, and it has no index.ts`,
      )
    }
  }

  /** The files of one folder, each of which imports from lower layers of the folder alone. */
  #checkInside(folder: string, layers: readonly (readonly string[])[]): void {
    const all = [...layers, [ENTRY_POINT]]
    const known = new Map(all.flatMap((names, layer) => names.map((name) => [`${folder}${name}`, layer])))
    const files = this.#files.filter(({ path }) => path.startsWith(folder))
    for (const name of known.keys()) {
      if (name !== `${folder}${ENTRY_POINT}` && !files.some(({ path }) => path === name))
        this.problems.push(`${this.#folder}/src/${name}: is not there, and has a layer in layers.json`)
    }
    for (const { path, imports } of files) {
      const layer = known.get(path)
      if (layer === undefined) {
        this.problems.push(`${this.#folder}/src/${path}: has no layer inside of ${folder} in layers.json`)
        continue
      }
      for (const { file, specifier, line } of imports) {
        const below = file === undefined ? undefined : known.get(file)
        if (below === undefined || below < layer) continue
        this.problems.push(
          `${this.#folder}/src/${path}:${line}: imports ${specifier}, layer ${below} of ${folder}, from layer ${layer}`,
        )
      }
    }
  }

  #place(path: string): Place | undefined {
    return placeOf(path, this.#rules.layers ?? [])
  }

  #checkPlace({ path }: SourceFile): Place | undefined {
    const place = this.#place(path)
    if (this.#rules.layers && !place)
      this.problems.push(`${this.#folder}/src/${path}: has no layer in layers.json`)
    return place
  }

  #checkImport(file: SourceFile, place: Place | undefined, imported: Import): void {
    const { specifier } = imported
    const problem = specifier.startsWith('.')
      ? this.#relativeProblem(file, place, imported)
      : this.#packageProblem(specifier)
    const where = `${this.#folder}/src/${file.path}:${imported.line}`
    if (problem) this.problems.push(`${where}: imports ${specifier}, ${problem}`)
  }

  #relativeProblem(file: SourceFile, place: Place | undefined, { file: target }: Import): string | undefined {
    if (target === undefined) return 'which is not a source file of this package'
    if (target === ENTRY_POINT) return "its own package's entry point"
    const closed = this.#rules.forTestsOnly?.find((folder) => target.startsWith(folder))
    if (closed !== undefined && !file.path.startsWith(closed)) return 'which is for tests only'
    const targetPlace = this.#place(target)
    if (!place || !targetPlace || place.name === targetPlace.name) return undefined
    if (targetPlace.layer >= place.layer) return `layer ${targetPlace.layer}, from layer ${place.layer}`
    return this.#isInner(target, targetPlace) ? `and not ${targetPlace.name}${ENTRY_POINT}` : undefined
  }

  /** Whether it lies in a folder that is used through its own entry point. */
  #isInner(target: string, { name }: Place): boolean {
    const door = `${name}${ENTRY_POINT}`
    return name.endsWith('/') && target !== door && this.#files.some(({ path }) => path === door)
  }

  #packageProblem(specifier: string): string | undefined {
    if (isBuiltin(specifier)) return specifier.startsWith('node:') ? undefined : 'without node:'
    const name = packageName(specifier)
    if (name === this.#manifest.name) return "its own package's entry point"
    if (name.startsWith(this.#scope) && !this.#rules.mayImport.includes(specifier)) {
      return 'which layers.json does not allow here'
    }
    const { dependencies = {}, peerDependencies = {} } = this.#manifest
    return name in dependencies || name in peerDependencies
      ? undefined
      : 'which is not among its dependencies'
  }
}

/** What is wrong with the imports of the configured packages, a line each; empty when all is well. */
export function checkLayers(root: string, config: LayersConfig): string[] {
  return Object.entries(config.packages)
    .filter(([folder]) => existsSync(join(root, folder, 'src')))
    .flatMap(([folder, rules]) => new PackageCheck(root, folder, config.scope, rules).run())
}
