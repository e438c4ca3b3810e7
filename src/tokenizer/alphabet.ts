// Bytes as text: GPT-2's letters for them, and SentencePiece's pieces such as <0x0A>.

/**
 * GPT-2's letters for bytes: a byte that Latin-1 prints is that character, the others are the characters from U+0100
 * on, in order.
 */
export const ALPHABET: readonly string[] = alphabet()
const BYTES = new Map(ALPHABET.map((character, byte) => [character, byte]))

function alphabet(): string[] {
  let other = 0x100
  const printed = (byte: number) =>
    (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad && byte <= 0xff)
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printed(byte) ? byte : other++))
}

/** The bytes that are written so; of a text that is not in the alphabet, its own. */
export function lettersToBytes(text: string): Uint8Array {
  const bytes = Array.from(text, character => BYTES.get(character))
  return bytes.includes(undefined)
    ? new TextEncoder().encode(text)
    : Uint8Array.from(bytes as readonly number[])
}

/** The byte that a piece like `<0x0A>` stands for, or undefined if it is no such piece. */
export function byteOfPiece(piece: string): number | undefined {
  return /^<0x[\dA-F]{2}>$/i.test(piece) ? Number.parseInt(piece.slice(3, 5), 16) : undefined
}

/** By byte: the id of its piece, or -1. */
export function byteIds(pieces: readonly string[], isByte: (id: number) => boolean): Int32Array {
  const ids = new Int32Array(256).fill(-1)
  pieces.forEach((piece, id) => {
    if (piece.length !== 6 || !isByte(id)) return
    const byte = byteOfPiece(piece)
    if (byte !== undefined) ids[byte] = id
  })
  return ids
}
