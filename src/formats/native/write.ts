// Writes a native file, one tensor after another. Knows nothing of where the bytes go.
import type { Sink } from '../../io/sink.ts'
import {
  bytesWritten,
  checkTensors,
  type ModelContents,
  metadataOf,
  sizeOf,
  writeTensors,
} from '../contents.ts'
import { alignUp } from '../gguf/spec.ts'
import { ALIGNMENT, headerBytes } from './header.ts'
import { valueToJson } from './values.ts'

/** Of what the header means; files of torchless-rs have none. */
export const VERSION = 1
/** Keys of the metadata that are in a section of their own, without this. */
export const TOKENIZER_PREFIX = 'tokenizer.'

/** Writes a native file. Throws an InvalidOptionError for what the format cannot hold. */
export async function writeNative(sink: Sink, contents: ModelContents): Promise<void> {
  checkTensors(contents.tensors)
  await sink.write(headerBytes(headerOf(contents)))
  await writeTensors(sink, contents.tensors, ALIGNMENT)
}

/** The whole file in memory. */
export function nativeBytes(contents: ModelContents): Promise<Uint8Array> {
  return bytesWritten(sink => writeNative(sink, contents))
}

function headerOf(contents: ModelContents) {
  const values = Array.from(metadataOf(contents), ([key, value]) => [key, valueToJson(value)] as const)
  const isTokenizer = (key: string) => key.startsWith(TOKENIZER_PREFIX)
  let end = 0
  return {
    torchless: VERSION,
    metadata: Object.fromEntries(values.filter(([key]) => !isTokenizer(key))),
    tensors: Object.fromEntries(
      contents.tensors.map(tensor => {
        const offset = end
        end = offset + alignUp(sizeOf(tensor), ALIGNMENT)
        return [tensor.name, { dtype: tensor.type.toLowerCase(), shape: tensor.shape, offset }]
      }),
    ),
    tokenizer: Object.fromEntries(
      values
        .filter(([key]) => isTokenizer(key))
        .map(([key, value]) => [key.slice(TOKENIZER_PREFIX.length), value]),
    ),
  }
}
