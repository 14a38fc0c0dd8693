/** A program in a page, and what the page says that it prints. */
export interface Snippet {
  readonly page: string
  /** Of its first line, counted from 1. */
  readonly line: number
  readonly code: string
  /** The block of `text` right behind the program. */
  readonly output: string | undefined
  /** Under which the page says to save it: `server.ts` runs until a signal ends it, others are imported. */
  readonly file: string | undefined
}

/** A fenced block of a page. */
export interface Block {
  readonly language: string
  /** What stands behind the language. */
  readonly file: string | undefined
  readonly line: number
  readonly text: string
  /** Nothing but empty lines stands between this block and the one before. */
  readonly follows: boolean
}

export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = []
  let open: (Omit<Block, 'text'> & { lines: string[] }) | undefined
  let nothingSince = false
  for (const [index, line] of markdown.split('\n').entries()) {
    const fence = /^```(?<language>\w*) ?(?<file>\S+)?/.exec(line)
    if (open !== undefined && line === '```') {
      blocks.push({ ...open, text: open.lines.join('\n') })
      open = undefined
      nothingSince = true
    } else if (open !== undefined) open.lines.push(line)
    else if (fence !== null) {
      const { language = '', file } = fence.groups ?? {}
      open = { language, file, line: index + 2, lines: [], follows: nothingSince }
    } else if (line.trim() !== '') nothingSince = false
  }
  return blocks
}

/** Every block of `ts` is a whole program; a block of `text` right behind it is its output. */
export function snippetsOf(page: string, markdown: string): Snippet[] {
  const blocks = blocksOf(markdown)
  return blocks.flatMap(({ language, file, line, text }, i) => {
    if (language !== 'ts') return []
    const next = blocks[i + 1]
    const output = next?.language === 'text' && next.follows ? next.text : undefined
    return [{ page, line, code: text, output, file }]
  })
}
