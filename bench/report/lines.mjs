// Lines over an axis that begins at 0, as SVG.
import { escape, short, svg, text } from './bars.mjs'

const WIDTH = 760
const HEIGHT = 240
const BOX = { left: 60, right: 560, top: 30, bottom: 200 }
const COLORS = ['#2a6f97', '#c8553d', '#588b3b', '#7b4b94', '#b08900', '#555555']

/** `{ title, x, y, lines: [{ name, points: [[x, y]] }] }`; `x` and `y` name the axes. */
export function lines({ title, x, y, lines: all }) {
  const points = all.flatMap((line) => line.points)
  const [mostX, mostY] = [0, 1].map((axis) => Math.max(1e-9, ...points.map((point) => point[axis])))
  const atX = (value) => BOX.left + (value / mostX) * (BOX.right - BOX.left)
  const atY = (value) => BOX.bottom - (value / mostY) * (BOX.bottom - BOX.top)
  const parts = [text(10, 18, `${title} (${y} over ${x})`, 'font-weight="bold"')]
  for (const share of [0, 0.5, 1]) {
    parts.push(text(10, atY(mostY * share) + 4, short(mostY * share)))
    parts.push(text(atX(mostX * share) - 10, BOX.bottom + 18, short(mostX * share)))
    parts.push(
      path(
        [
          [BOX.left, atY(mostY * share)],
          [BOX.right, atY(mostY * share)],
        ],
        '#dde',
      ),
    )
  }
  for (const [i, { name, points: own }] of all.entries()) {
    const color = COLORS[i % COLORS.length]
    parts.push(
      path(
        own.map(([a, b]) => [atX(a), atY(b)]),
        color,
      ),
    )
    parts.push(text(BOX.right + 12, BOX.top + 10 + 18 * i, name, `fill="${escape(color)}"`))
  }
  return svg(WIDTH, HEIGHT, parts)
}

function path(points, color) {
  const list = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ')
  return `<polyline points="${list}" fill="none" stroke="${color}" stroke-width="1.5"/>`
}
