// Writes the table of docs/models.md: what well-known models need, computed by recording their programs from their published
// sizes, as `torchless inspect` does from a file.
//
//   npx tsx scripts/generate-models-doc.ts
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheBytes, kvBytesPerToken } from '../src/api/traffic.ts'
import { Graph } from '../src/graph/graph.ts'
import { type Program, programWeights, type Weight } from '../src/graph/ops.ts'
import { Meta } from '../src/models/meta.ts'
import { architectureOf } from '../src/models/registry.ts'
import { Weights } from '../src/models/weights.ts'
import { bytesFor, type QuantName, quants } from '../src/quant/quants.ts'

interface Known {
  readonly name: string
  readonly architecture: string
  readonly layers: number
  readonly dim: number
  readonly hidden: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim?: number
  readonly vocabulary: number
  readonly context: number
  /** Further keys under the architecture's prefix. */
  readonly metadata?: Readonly<Record<string, number | string | boolean>>
  /** Tensors that not every file of the family has, by pattern. */
  readonly has?: RegExp
}

const qkNorms = /attn_[qk]_norm/
const biases = /attn_[qkv]\.bias/
const latent = {
  'attention.kv_lora_rank': 512,
  'attention.key_length': 576,
  'attention.value_length': 512,
  'attention.key_length_mla': 192,
  'attention.value_length_mla': 128,
  'rope.dimension_count': 64,
}
const experts = (count: number, used: number, hidden: number) => ({
  expert_count: count,
  expert_used_count: used,
  expert_feed_forward_length: hidden,
})
const untied = (more?: RegExp) => (more ? new RegExp(`^output\\.weight|${more.source}`) : /^output\.weight/)
const gemmaWindow = (window: number) => ({ 'attention.sliding_window': window })

const llama3 = { architecture: 'llama', vocabulary: 128_256, context: 131_072 }
const mistral = { architecture: 'llama', has: untied() }
const gemma = { architecture: 'gemma', headDim: 256, vocabulary: 256_000, context: 8192 }
const sandwich = /post_/
const gemma3 = { architecture: 'gemma3', headDim: 256, vocabulary: 262_144, has: /post_|attn_[qk]_norm/ }
const qwen3 = { headDim: 128, vocabulary: 151_936, context: 40_960 }
const phi3 = /attn_qkv|^output\.weight/

const models: readonly Known[] = [
  { name: 'Llama 3.2 1B', ...llama3, layers: 16, dim: 2048, hidden: 8192, heads: 32, kvHeads: 8 },
  {
    name: 'Llama 3.1 8B',
    ...llama3,
    layers: 32,
    dim: 4096,
    hidden: 14_336,
    heads: 32,
    kvHeads: 8,
    has: untied(),
  },
  {
    name: 'Llama 3.3 70B',
    ...llama3,
    layers: 80,
    dim: 8192,
    hidden: 28_672,
    heads: 64,
    kvHeads: 8,
    has: untied(),
  },
  {
    name: 'Mistral 7B v0.3',
    ...mistral,
    layers: 32,
    dim: 4096,
    hidden: 14_336,
    heads: 32,
    kvHeads: 8,
    vocabulary: 32_768,
    context: 32_768,
  },
  {
    name: 'Mistral Nemo 12B',
    ...mistral,
    layers: 40,
    dim: 5120,
    hidden: 14_336,
    heads: 32,
    kvHeads: 8,
    headDim: 128,
    vocabulary: 131_072,
    context: 131_072,
  },
  {
    name: 'Mistral Small 24B',
    ...mistral,
    layers: 40,
    dim: 5120,
    hidden: 32_768,
    heads: 32,
    kvHeads: 8,
    headDim: 128,
    vocabulary: 131_072,
    context: 32_768,
  },
  {
    name: 'Mixtral 8x7B',
    ...mistral,
    layers: 32,
    dim: 4096,
    hidden: 14_336,
    heads: 32,
    kvHeads: 8,
    vocabulary: 32_000,
    context: 32_768,
    metadata: experts(8, 2, 14_336),
  },
  {
    name: 'Phi-2',
    architecture: 'phi2',
    layers: 32,
    dim: 2560,
    hidden: 10_240,
    heads: 32,
    kvHeads: 32,
    vocabulary: 51_200,
    context: 2048,
    metadata: { 'rope.dimension_count': 32 },
    has: /\.bias|attn_qkv|^output/,
  },
  {
    name: 'Phi-3.5-mini',
    architecture: 'phi3',
    layers: 32,
    dim: 3072,
    hidden: 8192,
    heads: 32,
    kvHeads: 32,
    vocabulary: 32_064,
    context: 131_072,
    has: phi3,
  },
  {
    name: 'Phi-4 14B',
    architecture: 'phi3',
    layers: 40,
    dim: 5120,
    hidden: 17_920,
    heads: 40,
    kvHeads: 10,
    vocabulary: 100_352,
    context: 16_384,
    has: phi3,
  },
  {
    name: 'Phi-4-mini',
    architecture: 'phi3',
    layers: 32,
    dim: 3072,
    hidden: 8192,
    heads: 24,
    kvHeads: 8,
    vocabulary: 200_064,
    context: 131_072,
    metadata: { 'rope.dimension_count': 96 },
    has: /attn_qkv/,
  },
  {
    name: 'Phi-3.5-MoE',
    architecture: 'phimoe',
    layers: 32,
    dim: 4096,
    hidden: 6400,
    heads: 32,
    kvHeads: 8,
    vocabulary: 32_064,
    context: 131_072,
    metadata: experts(16, 2, 6400),
    has: /\.bias|^output/,
  },
  { name: 'Gemma 2B', ...gemma, layers: 18, dim: 2048, hidden: 16_384, heads: 8, kvHeads: 1 },
  {
    name: 'Gemma 2 9B',
    ...gemma,
    architecture: 'gemma2',
    layers: 42,
    dim: 3584,
    hidden: 14_336,
    heads: 16,
    kvHeads: 8,
    has: sandwich,
  },
  {
    name: 'Gemma 2 27B',
    ...gemma,
    architecture: 'gemma2',
    headDim: 128,
    layers: 46,
    dim: 4608,
    hidden: 36_864,
    heads: 32,
    kvHeads: 16,
    has: sandwich,
  },
  {
    name: 'Gemma 3 1B',
    ...gemma3,
    layers: 26,
    dim: 1152,
    hidden: 6912,
    heads: 4,
    kvHeads: 1,
    context: 32_768,
    metadata: gemmaWindow(512),
  },
  {
    name: 'Gemma 3 4B',
    ...gemma3,
    layers: 34,
    dim: 2560,
    hidden: 10_240,
    heads: 8,
    kvHeads: 4,
    context: 131_072,
    metadata: gemmaWindow(1024),
  },
  {
    name: 'Gemma 3 27B',
    ...gemma3,
    headDim: 128,
    layers: 62,
    dim: 5376,
    hidden: 21_504,
    heads: 32,
    kvHeads: 16,
    context: 131_072,
    metadata: gemmaWindow(1024),
  },
  {
    name: 'Qwen 2.5 0.5B',
    architecture: 'qwen2',
    layers: 24,
    dim: 896,
    hidden: 4864,
    heads: 14,
    kvHeads: 2,
    vocabulary: 151_936,
    context: 32_768,
    has: biases,
  },
  {
    name: 'Qwen 2.5 7B',
    architecture: 'qwen2',
    layers: 28,
    dim: 3584,
    hidden: 18_944,
    heads: 28,
    kvHeads: 4,
    vocabulary: 152_064,
    context: 32_768,
    has: untied(biases),
  },
  {
    name: 'Qwen 3 0.6B',
    architecture: 'qwen3',
    ...qwen3,
    layers: 28,
    dim: 1024,
    hidden: 3072,
    heads: 16,
    kvHeads: 8,
    has: qkNorms,
  },
  {
    name: 'Qwen 3 8B',
    architecture: 'qwen3',
    ...qwen3,
    layers: 36,
    dim: 4096,
    hidden: 12_288,
    heads: 32,
    kvHeads: 8,
    has: untied(qkNorms),
  },
  {
    name: 'Qwen 1.5 MoE A2.7B',
    architecture: 'qwen2moe',
    layers: 24,
    dim: 2048,
    hidden: 5632,
    heads: 16,
    kvHeads: 16,
    vocabulary: 151_936,
    context: 8192,
    metadata: { ...experts(60, 4, 1408), expert_shared_feed_forward_length: 5632 },
    has: untied(/attn_[qkv]\.bias|ffn_gate_inp|shexp/),
  },
  {
    name: 'Qwen 3 30B A3B',
    architecture: 'qwen3moe',
    ...qwen3,
    layers: 48,
    dim: 2048,
    hidden: 6144,
    heads: 32,
    kvHeads: 4,
    metadata: experts(128, 8, 768),
    has: untied(/attn_[qk]_norm|ffn_gate_inp\.weight/),
  },
  {
    name: 'DeepSeek MoE 16B',
    architecture: 'deepseek',
    layers: 28,
    dim: 2048,
    hidden: 10_944,
    heads: 16,
    kvHeads: 16,
    vocabulary: 102_400,
    context: 4096,
    metadata: { ...experts(64, 6, 1408), expert_shared_count: 2, leading_dense_block_count: 1 },
    has: untied(),
  },
  {
    name: 'DeepSeek V2 Lite',
    architecture: 'deepseek2',
    layers: 27,
    dim: 2048,
    hidden: 10_944,
    heads: 16,
    kvHeads: 1,
    vocabulary: 102_400,
    context: 163_840,
    metadata: { ...latent, ...experts(64, 6, 1408), expert_shared_count: 2, leading_dense_block_count: 1 },
    has: untied(/attn_[kv]_b/),
  },
  {
    name: 'DeepSeek V3, R1',
    architecture: 'deepseek2',
    layers: 61,
    dim: 7168,
    hidden: 18_432,
    heads: 128,
    kvHeads: 1,
    vocabulary: 129_280,
    context: 163_840,
    metadata: {
      ...latent,
      'attention.q_lora_rank': 1536,
      ...experts(256, 8, 2048),
      expert_shared_count: 1,
      leading_dense_block_count: 3,
    },
    has: untied(/attn_[kv]_b|exp_probs_b/),
  },
]

/** Weights of a file that is not there: what is needed exists, what is optional if the model is said to have it. */
class ImaginedWeights extends Weights {
  constructor(
    readonly imagined: RegExp | undefined,
    prefix = '',
  ) {
    super(new Map(), prefix)
  }

  override block(index: number): Weights {
    return new ImaginedWeights(this.imagined, `blk.${index}.`)
  }

  override need(name: string, shape: readonly number[]): Weight {
    return { name: this.prefix + name, type: 'F16', shape }
  }

  override optional(name: string, shape: readonly number[]): Weight | undefined {
    return this.has(name) ? this.need(name, shape) : undefined
  }

  override shared(): undefined {}

  override has(name: string): boolean {
    return this.imagined?.test(name) ?? false
  }
}

function record(model: Known): Program {
  const { architecture, layers, dim, hidden, heads, kvHeads, headDim, vocabulary, context, metadata } = model
  const values = {
    block_count: layers,
    embedding_length: dim,
    feed_forward_length: hidden,
    'attention.head_count': heads,
    'attention.head_count_kv': kvHeads,
    'attention.layer_norm_rms_epsilon': 1e-5,
    'attention.layer_norm_epsilon': 1e-5,
    vocab_size: vocabulary,
    context_length: context,
    ...(headDim && { 'attention.key_length': headDim, 'attention.value_length': headDim }),
    ...metadata,
  }
  const meta = new Meta(
    architecture,
    new Map(Object.entries(values).map(([key, value]) => [`${architecture}.${key}`, value])),
  )
  const weights = new ImaginedWeights(model.has)
  const family = architectureOf(architecture)
  const graph = new Graph()
  return graph.finish(family.forward(graph, family.config(meta, { maxSeqLen: context, weights }), weights))
}

const elements = ({ shape }: Weight) => shape.reduce((product, size) => product * size, 1)

/** Matrices in `type`, or in Q8_0 where their rows do not fill its blocks; the rest in F32. */
function weightBytes(program: Program, type: QuantName): number {
  return programWeights(program).reduce((sum, weight) => {
    if (weight.shape.length < 2) return sum + 4 * elements(weight)
    const fits = weight.shape.at(-1)! % quants[type].elems === 0
    return sum + bytesFor(fits ? type : 'Q8_0', elements(weight))
  }, 0)
}

function row(model: Known): string {
  const program = record(model)
  const gb = (bytes: number) => (bytes / 1e9).toFixed(bytes < 1e10 ? 2 : 1)
  const parameters = programWeights(program).reduce((sum, weight) => sum + elements(weight), 0)
  const sizes = (['F16', 'Q8_0', 'Q6_K', 'Q4_K', 'Q2_K'] as const).map(type => gb(weightBytes(program, type)))
  const perThousand = `${((1000 * kvBytesPerToken(program, 'f16')) / 1e6).toFixed(1)} MB`
  const all = `${gb(cacheBytes(program, model.context, 'f16'))} (${model.context.toLocaleString('en')})`
  return `| ${[model.name, `\`${model.architecture}\``, gb(parameters), ...sizes, perThousand, all].join(' | ')} |`
}

const path = join(import.meta.dirname, '../docs/models.md')
const [begin, end] = ['<!-- generated: begin -->', '<!-- generated: end -->']
const text = readFileSync(path, 'utf8')
const table = [
  '| model | architecture | parameters, 10⁹ | F16 | Q8_0 | Q6_K | Q4_K | Q2_K | cache, 1,000 tokens | cache, whole context |',
  `|${'---|'.repeat(10)}`,
  ...models.map(row),
].join('\n')
writeFileSync(
  path,
  `${text.slice(0, text.indexOf(begin) + begin.length)}\n${table}\n${text.slice(text.indexOf(end))}`,
)
