/** Whether `text` holds half a surrogate pair, so that it has no UTF-8. */
export function hasLoneSurrogate(text: string): boolean {
  return !text.isWellFormed()
}
