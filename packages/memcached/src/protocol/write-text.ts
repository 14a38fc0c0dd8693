/** Up to here a loop is faster than the call into native code. */
const LOOP_LENGTH = 48

/** Writes `text`, whose length in UTF-8 is `bytes`, and answers with the offset behind it. */
export function writeText(target: Buffer, text: string, bytes: number, offset: number): number {
  const end = offset + bytes
  if (bytes !== text.length) target.write(text, offset, bytes, 'utf8')
  else if (bytes > LOOP_LENGTH) target.write(text, offset, bytes, 'latin1')
  else for (let i = 0; i < bytes; i++) target[offset + i] = text.charCodeAt(i)
  return end
}
