// Texts as train.py reads them: 16 bits a token. The lower 12 are its id, the upper 4 a tenth of how much its loss counts, in
// percent. Every text begins with the token that ends texts, without a weight; so nothing else says where one ends.
import { END_OF_TEXT } from './tokenizer.ts'

/** Token ids of one text, and for each how much its loss counts, in percent. */
export interface Sample {
  readonly ids: readonly number[]
  readonly weights: readonly number[]
}

const ID_BITS = 12
const PERCENT = 10

/** The words of a text. Throws RangeError for what has no place in them. */
export function packed({ ids, weights }: Sample): Uint16Array {
  if (weights[0] !== 0)
    throw new RangeError(`a text begins with ${END_OF_TEXT} of no weight, not of ${weights[0]} %`)
  return Uint16Array.from(ids, (id, i) => {
    const weight = weights[i]!
    if (id >= 1 << ID_BITS || weight % PERCENT !== 0 || weight > 100)
      throw new RangeError(`token ${id} with a weight of ${weight} % does not fit into 16 bits`)
    return ((weight / PERCENT) << ID_BITS) | id
  })
}
