// What a bound on text is to those who compute masks of tokens: an automaton over bytes.
import type { Ranges } from './expression.ts'

/**
 * An automaton that reads bytes. States that are equal are the same value (`===`): masks are cached by state. A state
 * must be able to reach an end, so that no mask leads into a dead end.
 */
export interface ByteMatcher<State> {
  readonly start: State
  /** The state behind `byte`, or undefined where it may not come. */
  step(state: State, byte: number): State | undefined
  /** Whether the text may end here. */
  mayEnd(state: State): boolean
  /** What may follow freely, whatever else may: saves going through all tokens made of it. */
  free?(state: State): FreeText | undefined
  /** Bytes that the shortest text from here to an end has: what texts of bounded length need. */
  distance?(state: State): number
}

export interface CharacterClass {
  /** Four words of 32 bits: which of the characters below U+0080. */
  readonly ascii: Uint32Array
  /** Whether all characters from U+0080 on are in the class (false: none of them counts as being in it). */
  readonly beyond: boolean
  /** Those of them that are in the class, where it is a part of them: none else may come then. */
  readonly others?: Ranges | undefined
}

/** Every text of at most `most` characters, all of them in this class, may follow. */
export interface FreeText extends CharacterClass {
  readonly most: number
  /** The greatest distance to an end behind such a text. Default: that of the state itself. */
  readonly furthest?: number
  /** The state behind such a text depends on nothing but its number of characters. Default false. */
  readonly uniform?: boolean
}
