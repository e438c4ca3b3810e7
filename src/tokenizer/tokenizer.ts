// Text to token ids and back. Knows nothing of models, files or chats.

export interface EncodeOptions {
  /** Put the beginning-of-sequence token first, where the model has one and asks for it. Default false. */
  readonly bos?: boolean
  /** Put the end-of-sequence token last, where the model has one and asks for it. Default false. */
  readonly eos?: boolean
  /**
   * Parse special tokens written in the text (`<|im_end|>`). Default false: they are ordinary text. A function says
   * it of each place where one is written, by its UTF-16 offsets.
   */
  readonly special?: boolean | SpecialPlaces
}

export interface StreamOptions {
  /** Give control tokens as they are written. Default false: they have no text. */
  readonly special?: boolean
  /** Text comes before the first id, so that no leading space is dropped from it. Default false. */
  readonly continues?: boolean
}

/** Whether a special token may be read from `start` to `end`. */
export type SpecialPlaces = (start: number, end: number) => boolean

export interface Tokenizer {
  /** Number of pieces; ids are `0 .. size - 1`. */
  readonly size: number
  readonly bos: number | undefined
  /** Ids after which a model has said all: end of sequence, of turn, of message. */
  readonly endOfGeneration: ReadonlySet<number>
  encode(text: string, options?: EncodeOptions): number[]
  /** The text of `ids`. Control tokens have none, unless `special` asks for them as they are written. */
  decode(ids: readonly number[], options?: { readonly special?: boolean }): string
  /**
   * A decoder for ids that arrive one by one: answers the text that is certain by now and keeps an
   * incomplete UTF-8 character for later. Called without an id it gives what is left (U+FFFD for a stump).
   */
  stream(options?: StreamOptions): (id?: number) => string
  /** One token as it is written in the vocabulary's own text (bytes that are no UTF-8 become U+FFFD). */
  piece(id: number): string
  /** What a token adds to a text that has begun, byte by byte; undefined for control tokens and ids that are none. */
  bytes(id: number): Uint8Array | undefined
}
