import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Snippet } from './snippets.js'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const run = promisify(execFile)

export interface Compiled extends AsyncDisposable {
  /** Where the program of a snippet lies, ready for Node. */
  programOf(snippet: Snippet): string
}

const TSCONFIG = {
  extends: '../../tsconfig.test-base.json',
  // NestJS injects by the types of constructors, which its decorators need to be told.
  compilerOptions: {
    noEmit: false,
    outDir: 'out',
    rootDir: 'src',
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
  },
  include: ['src'],
}

/** Checks the types of all programs and compiles them, inside of the repository, where its packages are found. */
export async function compile(snippets: readonly Snippet[]): Promise<Compiled> {
  await mkdir(join(ROOT, '.tmp'), { recursive: true })
  const folder = await mkdtemp(join(ROOT, '.tmp', 'snippets-'))
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true })
  try {
    await mkdir(join(folder, 'src'))
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(TSCONFIG))
    for (const snippet of snippets)
      await writeFile(join(folder, 'src', `${nameOf(snippet)}.ts`), snippet.code)
    await runCompiler(folder)
  } catch (error) {
    await remove()
    throw error
  }
  return {
    programOf: (snippet) => join(folder, 'out', `${nameOf(snippet)}.js`),
    [Symbol.asyncDispose]: remove,
  }
}

async function runCompiler(folder: string): Promise<void> {
  try {
    await run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder])
  } catch (error) {
    // The compiler tells of errors on its standard output, under names that say page and line.
    throw new Error(`The programs of the pages do not compile:\n${(error as { stdout: string }).stdout}`, {
      cause: error,
    })
  }
}

function nameOf({ page, line, file }: Snippet): string {
  // Imported by this name.
  if (file !== undefined && file !== 'server.ts') return file.replace(/\.ts$/, '')
  return `${page.replaceAll(/\W/g, '-')}-line-${line}`
}
