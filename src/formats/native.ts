// Torchless's own format, as other folders see it: a Source becomes a ModelFile, and contents a file. It is the container of
// torchless-rs with every type of tensor and all metadata (docs/formats.md); files of torchless-rs are read, too.
import { UnsupportedModelError } from '../errors.ts'
import type { Source } from '../io/source.ts'
import type { Json } from '../tokenizer/json.ts'
import { type StoredValues, storedValues } from './gguf/values.ts'
import type { ModelFile } from './model-file.ts'
import { ALIGNMENT, headerSize, PREFIX_BYTES, readHeader } from './native/header.ts'
import { referenceMetadata, referenceTensors } from './native/reference.ts'
import { checkName, readTensors } from './native/tensors.ts'
import { valueFromJson } from './native/values.ts'
import { TOKENIZER_PREFIX, VERSION } from './native/write.ts'

export { nativeBytes, writeNative } from './native/write.ts'
export { type ReferenceOptions, writeReference } from './native/write-reference.ts'

/** Whether a file of `size` bytes that starts like this is one: safetensors files have the same frame, but other keys. */
export function looksNative(start: Uint8Array, size: number): boolean {
  if (headerSize(start, size) === undefined) return false
  const json = new TextDecoder('latin1').decode(start.subarray(PREFIX_BYTES))
  if (/^\{\s*"torchless"\s*:/.test(json)) return true
  const key = /^\{\s*"(?:metadata|tensors|tokenizer)"\s*:\s*\{\s*/.exec(json)
  return key !== null && !/^"(?:dtype|shape|data_offsets)"\s*:/.test(json.slice(key[0].length))
}

/**
 * Reads what a native file says of itself; tensors stay where they are. Throws a ModelFormatError if it is malformed, an
 * UnsupportedModelError if it is newer than this torchless or holds a model of torchless-rs that is no LLaMA or Mistral.
 * Closing the answer closes `source`; after an error it is still the caller's to close.
 */
export async function openNative(source: Source): Promise<ModelFile> {
  const { json, payload } = await readHeader(source)
  const version = json.optional('torchless')
  const values = version ? ownValues(json, version, source.name) : storedValues(referenceMetadata(json))
  const alignment = version ? ALIGNMENT : 1
  const tensors = readTensors(json.get('tensors'), { source, payload, alignment })
  return {
    format: 'native',
    sources: [source],
    ...values,
    tensors: version ? tensors : referenceTensors(tensors, source.name),
    close: () => source.close(),
  }
}

function ownValues(json: Json, version: Json, file: string): StoredValues {
  const found = version.count(2 ** 32)
  if (found !== VERSION)
    throw new UnsupportedModelError(`${file}: torchless: expected version ${VERSION}, found ${found}`)
  const values = { metadata: new Map(), types: new Map() }
  const read = (section: Json, prefix: string) => {
    for (const [key] of section.entries()) {
      checkName(section, prefix + key)
      const { value, type } = valueFromJson(section.get(key))
      values.metadata.set(prefix + key, value)
      values.types.set(prefix + key, type)
    }
  }
  read(json.get('metadata'), '')
  read(json.get('tokenizer'), TOKENIZER_PREFIX)
  return values
}
