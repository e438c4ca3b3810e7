// The tokenizer.bin of llama2.c (https://github.com/karpathy/llama2.c, tokenizer.py): the length of the longest piece, then of
// each piece its score, its length and its bytes. SentencePiece's pieces, with spaces for ▁.
import type { WritableValue } from '../gguf/values.ts'

/** As llama2.c has them, whatever the model. */
const [UNKNOWN_ID, BOS_ID, EOS_ID] = [0, 1, 2]
/** More pieces than any vocabulary has. */
const MOST_PIECES = 2 ** 22
/** Values of `tokenizer.ggml.token_type`. */
const [NORMAL, UNKNOWN, CONTROL, BYTE] = [1, 2, 3, 6]

/** The tokenizer as GGUF's keys; undefined if the bytes are no such file, which has no mark and no number of pieces. */
export function llama2cTokenizer(bytes: Uint8Array): Record<string, WritableValue> | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (bytes.length < 4) return undefined
  const longest = view.getUint32(0, true)
  const pieces: string[] = []
  const scores: number[] = []
  for (let at = 4; at < bytes.length; ) {
    if (at + 8 > bytes.length || pieces.length === MOST_PIECES) return undefined
    const score = view.getFloat32(at, true)
    const length = view.getUint32(at + 4, true)
    if (!Number.isFinite(score) || length > longest || at + 8 + length > bytes.length) return undefined
    scores.push(score)
    pieces.push(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(at + 8, at + 8 + length)))
    at += 8 + length
  }
  if (pieces.length <= EOS_ID) return undefined
  return {
    'tokenizer.ggml.model': 'llama',
    'tokenizer.ggml.tokens': pieces.map(written),
    'tokenizer.ggml.scores': Float32Array.from(scores),
    'tokenizer.ggml.token_type': Int32Array.from(pieces, typeOf),
    'tokenizer.ggml.bos_token_id': BOS_ID,
    'tokenizer.ggml.eos_token_id': EOS_ID,
    'tokenizer.ggml.unknown_token_id': UNKNOWN_ID,
    'tokenizer.ggml.add_bos_token': true,
    'tokenizer.ggml.add_space_prefix': true,
  }
}

/** The file has line feeds round the names of BOS and EOS. */
function written(piece: string, id: number): string {
  return id === BOS_ID || id === EOS_ID ? piece.trim() : piece.replaceAll(' ', '▁')
}

function typeOf(piece: string, id: number): number {
  if (id === UNKNOWN_ID) return UNKNOWN!
  if (id === BOS_ID || id === EOS_ID) return CONTROL!
  return /^<0x[0-9A-F]{2}>$/.test(piece) ? BYTE! : NORMAL!
}
