// The GGUF format, as other folders see it: a Source becomes a ModelFile. How it is read is in gguf/.
import type { Source } from '../io/source.ts'
import { readGguf } from './gguf/read.ts'
import { joinTensors, type OpenSibling, readParts } from './gguf/split.ts'
import type { ModelFile } from './model-file.ts'

export type { WritableTensor } from './contents.ts'
export type { OpenSibling } from './gguf/split.ts'
export {
  array,
  f32,
  f64,
  GgufValue,
  i8,
  i16,
  i32,
  i64,
  u8,
  u16,
  u32,
  u64,
  type WritableValue,
} from './gguf/values.ts'
export { type GgufContents, ggufBytes, writeGguf } from './gguf/write.ts'

/**
 * Reads what a GGUF file says of itself (version 2 or 3, little-endian); tensors stay where they are.
 * Of a split model it takes the first part, and opens the others by their names through `openSibling`.
 * Throws a ModelFormatError if the file is malformed, an UnsupportedModelError if it holds a type of tensor
 * that torchless lacks. Closing the answer closes `source`; after an error it is still the caller's to close.
 */
export async function openGguf(source: Source, openSibling?: OpenSibling): Promise<ModelFile> {
  const siblings: Source[] = []
  const openNext = async (name: string) => {
    const sibling = await openSibling!(name)
    siblings.push(sibling)
    return sibling
  }
  try {
    const first = await readGguf(source)
    const parts = await readParts(first, readGguf, openSibling && openNext)
    const sources = [source, ...siblings]
    return {
      format: 'gguf',
      sources,
      metadata: first.metadata,
      types: first.metadata.types,
      tensors: joinTensors(parts),
      close: () => closeAll(sources),
    }
  } catch (error) {
    await closeAll(siblings)
    throw error
  }
}

async function closeAll(sources: readonly Source[]): Promise<void> {
  await Promise.all(sources.map(source => source.close()))
}
