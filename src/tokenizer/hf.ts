// A tokenizer from HuggingFace's tokenizer.json (and tokenizer_config.json beside it). Knows the values, not the files.
import { decoderFromJson } from './hf-decoders.ts'
import { modelFromJson, piecesFromJson } from './hf-models.ts'
import { normalizerFromJson } from './hf-normalizers.ts'
import { pretokenizerFromJson } from './hf-pretokenizers.ts'
import { frameFromJson } from './hf-template.ts'
import { Json } from './json.ts'
import { type PipelineToken, PipelineTokenizer } from './pipeline.ts'
import type { Tokenizer } from './tokenizer.ts'

/**
 * Throws ModelFormatError where a value is wrong, UnsupportedModelError where it is nothing that torchless knows, both
 * naming the value. `config` is undefined where there is no tokenizer_config.json; `ends` are further ids that end a generation.
 */
export function tokenizerFromJson(
  json: unknown,
  config: unknown,
  file: string,
  ends: readonly number[] = [],
): Tokenizer {
  const root = new Json(json, file)
  const model = root.get('model')
  const added = root.optional('added_tokens')?.items() ?? []
  const pieces = piecesFromJson(model, added)
  const normalizer = root.optional('normalizer')
  const normalize = normalizer ? normalizerFromJson(normalizer) : (text: string) => text
  const pretokenizer = pretokenizerFromJson(root.optional('pre_tokenizer'))
  return new PipelineTokenizer({
    pieces,
    added: added.map(token => addedToken(token, normalize)),
    normalize,
    cut: pretokenizer.cut,
    model: modelFromJson(model, pieces, pretokenizer.byteLevel),
    decoder: decoderFromJson(root.optional('decoder')),
    ...frameFromJson(
      root,
      new Json(config ?? {}, file.replace(/tokenizer\.json$/, 'tokenizer_config.json')),
      pieces,
    ),
    ends,
  })
}

function addedToken(json: Json, normalize: (text: string) => string): PipelineToken {
  const text = json.get('content').text()
  const special = json.flagOr('special', false)
  return {
    text,
    id: json.get('id').value as number,
    special,
    lstrip: json.flagOr('lstrip', false),
    rstrip: json.flagOr('rstrip', false),
    singleWord: json.flagOr('single_word', false),
    normalized: json.flagOr('normalized', !special) ? normalize(text) : undefined,
  }
}
