// The tokenizer and the chat templates that lie beside a checkpoint's weights, and what generation_config.json says.

import { ggufKeys } from '../../tokenizer/gguf-keys.ts'
import { Json } from '../../tokenizer/json.ts'
import { f32, i32, u32, type WritableValue } from '../gguf/values.ts'
import type { TokenizerFiles } from '../model-file.ts'
import type { Neighbour, OptionalReader } from './beside.ts'

export interface CheckpointTokenizer {
  /** Undefined where there are no files of one. */
  readonly files: TokenizerFiles | undefined
  /** GGUF's keys: what they can say of the tokenizer, templates, sampling. */
  readonly keys: Record<string, WritableValue>
}

/** More pieces than any vocabulary has. */
const MOST_PIECES = 2 ** 22
/** GGUF's keys for ids that end a generation. */
const ENDS = ['eos', 'eot', 'eom']
/** Keys of generation_config.json, and of GGUF. */
const sampling = { temperature: 'temp', top_p: 'top_p', min_p: 'min_p', repetition_penalty: 'penalty_repeat' }

/** Reads the files beside a checkpoint whose config.json is `config`. Throws a ModelFormatError naming file and value. */
export async function readCheckpointTokenizer(
  optional: OptionalReader,
  config: Json,
): Promise<CheckpointTokenizer> {
  const [json, model, settings, generation] = await Promise.all(
    ['tokenizer.json', 'tokenizer.model', 'tokenizer_config.json', 'generation_config.json'].map(optional),
  )
  const parsed = json?.json()
  const tokenizerConfig = settings?.json()
  const configOf = (file: Neighbour | undefined) => new Json(file?.json() ?? {}, file?.name ?? '')
  const generated = configOf(generation)
  const ends = endsOf(generated.optional('eos_token_id') ?? config.optional('eos_token_id'))
  const name = (json ?? model)?.name
  const files =
    name === undefined
      ? undefined
      : { json: parsed, sentencePiece: model?.bytes, config: tokenizerConfig, ends, name }
  return {
    files,
    keys: {
      ...samplingKeys(generated),
      ...(files && tokenizerKeys(files, new Json(tokenizerConfig ?? {}, settings?.name ?? ''), config)),
      ...(await templateKeys(optional, settings)),
    },
  }
}

/** One id, or several. */
function endsOf(json: Json | undefined): number[] {
  if (!json) return []
  const ids = Array.isArray(json.value) ? json.items() : [json]
  return ids.map(id => id.count(MOST_PIECES))
}

function samplingKeys(generation: Json): Record<string, WritableValue> {
  const keys: Record<string, WritableValue> = {}
  const top = generation.optional('top_k')
  if (top) keys['general.sampling.top_k'] = i32(top.count(2 ** 31))
  for (const [theirs, ours] of Object.entries(sampling)) {
    const found = generation.optional(theirs)
    if (found) keys[`general.sampling.${ours}`] = f32(found.number())
  }
  return keys
}

function tokenizerKeys(files: TokenizerFiles, settings: Json, config: Json): Record<string, WritableValue> {
  const keys = ggufKeys(files)
  const pieces = keys?.['tokenizer.ggml.tokens'] as readonly string[] | undefined
  if (!keys || !pieces) return {}
  const ids = new Map(pieces.map((piece, id) => [piece, id]))
  const named = (key: string) => {
    const token = settings.get(`${key}_token`)
    // The tokenizer's own word that there is none counts, config.json's only where it says nothing.
    if (token.value === null) return undefined
    const text = typeof token.value === 'object' ? token.get('content').text() : token.value
    const id = typeof text === 'string' ? ids.get(text) : config.optional(`${key}_token_id`)?.value
    return typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < pieces.length ? id : undefined
  }
  const found: Record<string, WritableValue> = { ...keys }
  const put = (key: string, id: number | undefined) => {
    if (id !== undefined && id < pieces.length) found[`tokenizer.ggml.${key}_token_id`] = u32(id)
  }
  const ends = [...new Set([named('eos'), ...files.ends])].filter(id => id !== undefined)
  for (const [i, key] of ENDS.entries()) put(key, ends[i])
  for (const [key, theirs] of [
    ['bos', 'bos'],
    ['unknown', 'unk'],
    ['padding', 'pad'],
  ] as const)
    put(key, named(theirs))
  for (const key of ['add_bos_token', 'add_eos_token']) {
    const flag = settings.optional(key)?.flag()
    if (flag !== undefined) found[`tokenizer.ggml.${key}`] = flag
  }
  return found
}

/** Templates are a file of their own, or one or several texts in tokenizer_config.json; the file has the last word. */
async function templateKeys(
  optional: OptionalReader,
  settings: Neighbour | undefined,
): Promise<Record<string, WritableValue>> {
  const keys: Record<string, WritableValue> = {}
  const put = (name: string, text: string) => {
    keys[`tokenizer.chat_template${name === 'default' ? '' : `.${name}`}`] = text
  }
  const putAll = (template: Json | undefined) => {
    if (!template) return
    if (typeof template.value === 'string') put('default', template.value)
    else for (const one of template.items()) put(one.get('name').text(), one.get('template').text())
  }
  putAll(new Json(settings?.json() ?? {}, settings?.name ?? '').optional('chat_template'))
  const json = await optional('chat_template.json')
  if (json) putAll(new Json(json.json(), json.name).optional('chat_template'))
  const jinja = await optional('chat_template.jinja')
  if (jinja) put('default', new TextDecoder().decode(jinja.bytes))
  return keys
}
