// What comes in pieces and has a result: an async iterable, or a promise.
import { InvalidOptionError } from '../errors.ts'

/** Makes pieces; tells `end` what they came to, also where they are broken off. */
export type PieceSource<Piece, Whole> = (
  end: (whole: Whole) => void,
) => AsyncGenerator<Piece, void, undefined>

/** Take it once: piece by piece (`for await`) or whole (`await`), or whole after its pieces. */
export class PieceStream<Piece, Whole> implements AsyncIterable<Piece>, PromiseLike<Whole> {
  readonly #source: PieceSource<Piece, Whole>
  #taken: AsyncGenerator<Piece, void, undefined> | undefined
  #ended: { readonly whole: Whole } | undefined
  #whole: Promise<Whole> | undefined

  constructor(source: PieceSource<Piece, Whole>) {
    this.#source = source
  }

  [Symbol.asyncIterator](): AsyncGenerator<Piece, void, undefined> {
    this.#taken ??= this.#source(whole => {
      this.#ended = { whole }
    })
    return this.#taken
  }

  // biome-ignore lint/suspicious/noThenProperty: it is to be awaited
  then<T = Whole, E = never>(
    fulfilled?: ((whole: Whole) => T | PromiseLike<T>) | null,
    rejected?: ((reason: unknown) => E | PromiseLike<E>) | null,
  ): Promise<T | E> {
    this.#whole ??= this.#takeAll()
    return this.#whole.then(fulfilled, rejected)
  }

  async #takeAll(): Promise<Whole> {
    for await (const _ of this);
    if (!this.#ended) throw new InvalidOptionError('the reply failed while its pieces were taken')
    return this.#ended.whole
  }
}
