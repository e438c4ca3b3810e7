// SentencePiece's normalization.
import type { Charsmap } from './charsmap.ts'

export interface Normalization {
  readonly charsmap: Charsmap | undefined
  /** Drop spaces at both ends, and all but one of several. */
  readonly removeExtraSpaces: boolean
}

/** What SentencePiece does to a text before it is cut, but for the space before it and for writing ▁. */
export function normalize(text: string, { charsmap, removeExtraSpaces }: Normalization): string {
  const mapped = charsmap ? charsmap.apply(text) : text
  return removeExtraSpaces ? mapped.split(' ').filter(Boolean).join(' ') : mapped
}
