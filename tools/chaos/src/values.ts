const WHOLE = /^([^|]+)\|(\d+)\|(.?)(\3*)$/s

/** A value that can be checked as a whole: its name, its length, and a letter as often as it takes. */
export function longValue(name: string, bytes: number): string {
  return `${name}|${bytes}|${letterOf(name).repeat(bytes)}`
}

/** The name of a value, or the value itself where it is not what `longValue` made. */
export function nameOfValue(text: string): string {
  const [, name, bytes, letter = '', rest = ''] = WHOLE.exec(text) ?? []
  if (name === undefined || letter.length + rest.length !== Number(bytes)) return text
  return letter === '' || letter === letterOf(name) ? name : text
}

function letterOf(name: string): string {
  return name.at(-1) ?? '0'
}
