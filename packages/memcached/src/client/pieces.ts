/** What one command takes of a batch: more gains nothing, and each command has its own time-out. */
const MAX_MEMBERS = 1_000
const MAX_BYTES = 1024 * 1024

/** The members in pieces that are one command each. A member with more bytes than a command takes is one by itself. */
export function piecesOf<T>(
  members: readonly T[],
  bytesOf: (member: T) => number,
): readonly (readonly T[])[] {
  const pieces: T[][] = []
  let piece: T[] = []
  let bytes = 0
  for (const member of members) {
    const size = bytesOf(member)
    if (piece.length === MAX_MEMBERS || bytes + size > MAX_BYTES) {
      if (piece.length > 0) pieces.push(piece)
      piece = []
      bytes = 0
    }
    piece.push(member)
    bytes += size
  }
  if (piece.length > 0) pieces.push(piece)
  return pieces
}
