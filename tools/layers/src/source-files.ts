import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import ts from 'typescript'

export interface Import {
  /** As written. */
  readonly specifier: string
  /** The source file below `src` for a relative import, undefined for others and for those that leave `src`. */
  readonly file: string | undefined
  readonly line: number
}

/** One source file; its path is from its package's `src`, with slashes. */
export interface SourceFile {
  readonly path: string
  readonly imports: readonly Import[]
}

const SOURCE = /(?<!\.d)\.[cm]?ts$/

function resolve(source: string, importer: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined
  const target = join(dirname(importer), specifier).replace(/\.([cm]?)js$/, '.$1ts')
  const inside = relative(source, target)
  return inside.startsWith('..') || !existsSync(target) ? undefined : inside.split(sep).join('/')
}

function readImports(source: string, file: string): Import[] {
  const text = readFileSync(file, 'utf8')
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName: specifier, pos }) => ({
    specifier,
    file: resolve(source, file, specifier),
    line: text.slice(0, pos).split('\n').length,
  }))
}

/** All source files of a package; type imports, re-exports and dynamic imports count as imports. */
export function readSourceFiles(source: string): SourceFile[] {
  const paths = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((path) => SOURCE.test(path))
  return paths.sort().map((path) => ({
    path: path.split(sep).join('/'),
    imports: readImports(source, join(source, path)),
  }))
}
