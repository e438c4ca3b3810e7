// A checkpoint's tensors and tokenizer as GGUF files have them.
import { UnsupportedModelError } from '../../errors.ts'
import { quants } from '../../quant/quants.ts'
import type { ModelFile, RowFile } from '../model-file.ts'
import { withRows } from '../rows.ts'
import { decoded } from './computed.ts'

/**
 * The same model with types that GGUF has, F32 where it has none, and with vectors in F32, as other readers of GGUF expect of a
 * checkpoint's norms and biases. Throws an UnsupportedModelError if it has a tokenizer that GGUF's keys cannot say.
 */
export function asGguf(file: ModelFile): RowFile {
  if (file.tokenizer && !file.metadata.has('tokenizer.ggml.model'))
    throw new UnsupportedModelError(
      `${file.tokenizer.name}: expected a tokenizer that GGUF has keys for, found another`,
    )
  const tensors = Array.from(withRows(file).tensors, ([name, tensor]) => {
    const vector = file.format === 'safetensors' && tensor.shape.length === 1 && tensor.type !== 'F32'
    return [name, vector || quants[tensor.type].ggmlId === undefined ? decoded(tensor) : tensor] as const
  })
  return { ...file, tensors: new Map(tensors) }
}
