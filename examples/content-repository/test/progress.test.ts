import { expect, test } from 'vitest'
import { Progress } from '../src/progress.js'

function drawnAt(columns: number): string {
  let drawn = ''
  const progress = new Progress({ isTTY: true, columns, write: (text) => (drawn += text) }, 10_000)
  progress.add(1_000_000)
  return drawn.replace('\r', '').replace('\x1b[K', '')
}

test('the bar begins where the other lines do, and says how far the import is', () => {
  expect(drawnAt(120)).toBe(`import         [${'.'.repeat(30)}] 1 of 10,000 files, 1.0 MB`)
})

test('it is drawn on one line of any terminal, since what wraps cannot be drawn over', () => {
  expect(drawnAt(40)).toHaveLength(39)
  expect(drawnAt(0)).toBe(drawnAt(80))
})

test('it is drawn on terminals only', () => {
  let drawn = ''
  const progress = new Progress({ write: (text) => (drawn += text) }, 1)
  progress.add(1)
  progress.clear()
  expect(drawn).toBe('')
})
