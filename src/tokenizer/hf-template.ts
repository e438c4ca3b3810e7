// What tokenizer.json and tokenizer_config.json put around a text: tokens at its beginning and end.
import type { Json } from './json.ts'

export interface Frame {
  readonly bos: number | undefined
  readonly eos: number | undefined
  /** What texts begin and end with. */
  readonly prefix: readonly number[]
  readonly suffix: readonly number[]
}

const kinds = ['TemplateProcessing', 'ByteLevel', 'Sequence', 'BertProcessing', 'RobertaProcessing'] as const

export function frameFromJson(root: Json, config: Json, pieces: readonly string[]): Frame {
  const processor = root.optional('post_processor')
  let { prefix, suffix } = processor ? around(processor, pieces.length) : NOTHING
  const bos = named(config, 'bos_token', pieces) ?? prefix[0]
  const eos = named(config, 'eos_token', pieces) ?? suffix.at(-1)
  // The config has the last word, where it speaks.
  const addBos = config.optional('add_bos_token')?.flag()
  const addEos = config.optional('add_eos_token')?.flag()
  if (bos !== undefined) prefix = asked(addBos, prefix, bos)
  if (eos !== undefined) suffix = asked(addEos, suffix, eos)
  return { bos, eos, prefix, suffix }
}

const NOTHING: Pick<Frame, 'prefix' | 'suffix'> = { prefix: [], suffix: [] }

function asked(add: boolean | undefined, ids: readonly number[], id: number): readonly number[] {
  if (add === true && ids.length === 0) return [id]
  return add === false && ids.length === 1 && ids[0] === id ? [] : ids
}

function around(processor: Json, size: number): Pick<Frame, 'prefix' | 'suffix'> {
  const kind = processor.get('type').oneOf(kinds)
  switch (kind) {
    case 'ByteLevel':
      return NOTHING
    case 'Sequence': {
      const all = processor
        .get('processors')
        .items()
        .map(inner => around(inner, size))
      // Each goes around what the ones before it made.
      return {
        prefix: all.toReversed().flatMap(({ prefix }) => prefix),
        suffix: all.flatMap(({ suffix }) => suffix),
      }
    }
    case 'TemplateProcessing':
      return template(processor, size)
    case 'BertProcessing':
    case 'RobertaProcessing': {
      const id = (key: string) => [idIn(processor.get(key), size)]
      return { prefix: id('cls'), suffix: id('sep') }
    }
  }
  return kind satisfies never
}

/** A text and its id. */
function idIn(json: Json, size: number): number {
  return json.array().length === 2 ? json.at(1).count(size) : json.fail('a token and its id')
}

function template(processor: Json, size: number): Pick<Frame, 'prefix' | 'suffix'> {
  const [prefix, suffix]: [number[], number[]] = [[], []]
  let side = prefix
  for (const part of processor.get('single').items()) {
    const token = part.optional('SpecialToken')
    if (token) {
      const ids = processor.get('special_tokens').get(token.get('id').text()).get('ids')
      side.push(...ids.items().map(id => id.count(size)))
    } else {
      if (!part.optional('Sequence')) part.fail('a SpecialToken or a Sequence')
      side = suffix
    }
  }
  return { prefix, suffix }
}

/** The id of a token that the config names: a text, or an object with one. */
function named(config: Json, key: string, pieces: readonly string[]): number | undefined {
  const token = config.optional(key)
  if (!token) return undefined
  const text = typeof token.value === 'string' ? token.value : token.get('content').text()
  const id = pieces.indexOf(text)
  return id < 0 ? undefined : id
}
