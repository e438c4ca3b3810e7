// Edits that cannot miss: which tokens keep a reply's edit blocks on lines that the files have, and which lines it is likely to copy.
import { EditFollower } from '../code/edit-follower.ts'
import type { EditableFile, EditMatcher, EditState } from '../code/edit-matcher.ts'
import type { Constraint } from '../engine/constraint.ts'
import { TokenMasks } from '../grammar/token-masks.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import { vocabularyTrie } from './vocabulary.ts'

/** Bytes before a draft that it is encoded with, so that it is cut into tokens as the whole text would be. */
const CONTEXT = 256
/** More characters are seldom in a token, on average. */
const CHARACTERS_A_TOKEN = 6

const NEWLINE = 10

/** Bounds one reply; its first token is that of the answer. */
export class EditConstraint implements Constraint {
  readonly #tokenizer: Tokenizer
  readonly #follower: EditFollower
  #matcher: EditMatcher
  #masks: TokenMasks<EditState>
  /** The end of the reply. */
  #recent: number[] = []
  /** Something was put in that may not stand there, or nothing may: there is no more to say. */
  #lost = false

  constructor(tokenizer: Tokenizer, files: readonly EditableFile[]) {
    this.#tokenizer = tokenizer
    this.#follower = new EditFollower(files)
    this.#matcher = this.#follower.matcher
    this.#masks = this.#masksOf(this.#matcher)
  }

  allowed(): Uint32Array | undefined {
    if (this.#lost) return undefined
    if (this.#matcher !== this.#follower.matcher) {
      this.#matcher = this.#follower.matcher
      this.#masks = this.#masksOf(this.#matcher)
    }
    const mask = this.#masks.allowed(this.#follower.state)
    // A vocabulary without bytes cannot write every file.
    if (mask.every(word => word === 0)) this.#lost = true
    return this.#lost ? undefined : mask
  }

  accept(id: number): void {
    const bytes = this.#tokenizer.bytes(id)
    if (this.#lost || !bytes || !this.#follower.accept(bytes)) {
      this.#lost = true
      return
    }
    this.#recent.push(...bytes)
    if (this.#recent.length > 2 * CONTEXT) {
      const line = this.#recent.indexOf(NEWLINE, this.#recent.length - CONTEXT)
      this.#recent = this.#recent.slice(line < 0 ? -CONTEXT : line + 1)
    }
  }

  draft(most: number): readonly number[] {
    const likely = this.#lost ? '' : this.#follower.likely()
    if (likely === '') return []
    const text = likely.slice(0, CHARACTERS_A_TOKEN * (most + 1))
    const ids = this.#tokenizer.encode(decoder.decode(Uint8Array.from(this.#recent)) + text)
    let left = encoder.encode(text).length
    let first = ids.length
    while (left > 0 && first > 0) left -= this.#tokenizer.bytes(ids[--first]!)?.length ?? 0
    // Where a token spans what there is and what is to come, the model has begun to cut the text in another way.
    if (left !== 0) return []
    // The last token of a text that was cut would be another one.
    return ids.slice(first, text === likely ? first + most : Math.min(first + most, ids.length - 1))
  }

  #masksOf(matcher: EditMatcher): TokenMasks<EditState> {
    const tokenizer = this.#tokenizer
    return new TokenMasks(
      vocabularyTrie(tokenizer),
      matcher,
      id => tokenizer.bytes(id),
      tokenizer.endOfGeneration,
    )
  }
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
