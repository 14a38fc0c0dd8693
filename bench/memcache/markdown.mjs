const number = (value, unit) => (unit === 'a second' ? (value / 1000).toFixed(0) : value.toFixed(2))

/** A row for each test; in brackets how many times that of the baseline. */
export function markdown(tests) {
  const names = [...new Set(tests.flatMap(({ results }) => results.map(({ name }) => name)))]
  const rows = tests.map(({ name, unit, results }) => {
    const cells = names.map((client) => {
      const result = results.find((one) => one.name === client)
      if (result === undefined) return '-'
      const times = result.ratio === undefined ? '' : ` (${result.ratio.median.toFixed(1)})`
      return number(result.median, unit) + times
    })
    return `| ${name} | ${cells.join(' | ')} |\n`
  })
  return `| | ${names.join(' | ')} |\n|---|${'---|'.repeat(names.length)}\n${rows.join('')}`
}
