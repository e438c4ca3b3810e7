// Which format each tensor of a quantized model has: what `torchless quantize` calls a type. The choices are llama.cpp's
// (`llama_tensor_get_type_impl` in its src/llama-quant.cpp), so that files of one name are of one size. Knows no file.
import { type WeightType, weightBits } from './packed.ts'
import { type QuantName, quants } from './quants.ts'

/** A type of a whole model: what most of its matrices are, and its number as `general.file_type` (`enum llama_ftype`). */
interface Mix {
  readonly fileType: number
  readonly type: QuantName
}

const mixes = {
  F32: { fileType: 0, type: 'F32' },
  F16: { fileType: 1, type: 'F16' },
  BF16: { fileType: 32, type: 'BF16' },
  Q8_0: { fileType: 7, type: 'Q8_0' },
  Q6_K: { fileType: 18, type: 'Q6_K' },
  Q5_K_M: { fileType: 17, type: 'Q5_K' },
  Q5_K_S: { fileType: 16, type: 'Q5_K' },
  Q5_1: { fileType: 9, type: 'Q5_1' },
  Q5_0: { fileType: 8, type: 'Q5_0' },
  Q4_K_M: { fileType: 15, type: 'Q4_K' },
  Q4_K_S: { fileType: 14, type: 'Q4_K' },
  Q4_1: { fileType: 3, type: 'Q4_1' },
  Q4_0: { fileType: 2, type: 'Q4_0' },
  IQ4_NL: { fileType: 25, type: 'IQ4_NL' },
  IQ4_XS: { fileType: 30, type: 'IQ4_XS' },
  MXFP4_MOE: { fileType: 38, type: 'MXFP4' },
  Q3_K_L: { fileType: 13, type: 'Q3_K' },
  Q3_K_M: { fileType: 12, type: 'Q3_K' },
  Q3_K_S: { fileType: 11, type: 'Q3_K' },
  Q2_K: { fileType: 10, type: 'Q2_K' },
} as const satisfies Record<string, Mix>

export type MixName = keyof typeof mixes
/** Best first. */
export const mixNames = Object.keys(mixes) as readonly MixName[]

/** What the choice depends on. */
export interface MixedModel {
  readonly architecture: string
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  /** 0 or 1 without a mixture of experts. */
  readonly experts: number
  /** Shapes are row-major. */
  readonly tensors: Iterable<{
    readonly name: string
    readonly type: WeightType
    readonly shape: readonly number[]
  }>
  /** Whether there is an importance matrix. */
  readonly importance: boolean
}

/** `general.file_type` of a mix. */
export function fileTypeOf(mix: MixName): number {
  return mixes[mix].fileType
}

/** The format of each tensor by name. */
export function mixedTypes(mix: MixName, model: MixedModel): Map<string, WeightType> {
  const tensors = [...model.tensors].sort(
    (a, b) => layerOf(a.name) - layerOf(b.name) || (a.name < b.name ? -1 : 1),
  )
  const chooser = new Chooser(
    mix,
    model,
    tensors.map(({ name }) => name),
  )
  return new Map(
    tensors.map(({ name, type, shape }) => [
      name,
      isQuantized(name, shape) ? chooser.choose(name, shape.at(-1)!) : type,
    ]),
  )
}

/** Matrices and experts; no vectors, no norms, no routers. */
function isQuantized(name: string, shape: readonly number[]): boolean {
  const matrices = shape.slice(0, -1).some(size => size > 1)
  return matrices && /weight$/.test(name) && !/_norm\.weight$|ffn_gate_inp\.weight$/.test(name)
}

/** -1 for tensors of no block. */
function layerOf(name: string): number {
  return Number(/^blk\.(\d+)\./.exec(name)?.[1] ?? -1)
}

type Role = 'embedding' | 'output' | 'values' | 'keys' | 'attentionOutput' | 'down' | 'other'

/** By the part of a name that tells it; the first that fits. */
const roles: readonly (readonly [part: RegExp, role: Role])[] = [
  [/^output\.weight$/, 'output'],
  [/^token_embd\.weight$/, 'embedding'],
  [/attn_(?:qkv|kv_b|v)\.weight$/, 'values'],
  [/attn_k\.weight$/, 'keys'],
  [/attn_output\.weight$/, 'attentionOutput'],
  [/ffn_down/, 'down'],
]

function roleOf(name: string): Role {
  return roles.find(([part]) => part.test(name))?.[1] ?? 'other'
}

/** Asked for tensors in order of layers, as it counts those of some roles. */
class Chooser {
  readonly #mix: MixName
  readonly #model: MixedModel
  readonly #tied: boolean
  /** Matrices that make values, alone or with queries and keys. */
  readonly #valueMatrices: number
  #values = 0
  #downs = 0

  constructor(mix: MixName, model: MixedModel, names: readonly string[]) {
    this.#mix = mix
    this.#model = model
    this.#tied = !names.includes('output.weight')
    this.#valueMatrices = names.filter(name => roleOf(name) === 'values').length
  }

  choose(name: string, columns: number): QuantName {
    const { type } = mixes[this.#mix]
    if (type === 'F32' || type === 'F16' || type === 'BF16') return type
    return fitting(this.#preferred(name, columns, type), columns)
  }

  #preferred(name: string, columns: number, type: QuantName): QuantName {
    const role = roleOf(name)
    if (role === 'output' || (role === 'embedding' && this.#tied)) {
      if (this.#mix === 'MXFP4_MOE' || columns % quants[type].elems !== 0) return 'Q8_0'
      return type === 'Q8_0' ? type : 'Q6_K'
    }
    if (this.#mix === 'MXFP4_MOE') return name.includes('_exps.') ? 'MXFP4' : 'Q8_0'
    switch (role) {
      case 'values':
        return this.#valuesType(this.#values++, type)
      case 'keys':
        return this.#model.experts === 8 ? 'Q8_0' : type
      case 'down':
        return this.#downType(this.#model.experts > 1 ? layerOf(name) : this.#downs++, type)
      case 'attentionOutput':
        return this.#attentionOutputType(type)
      case 'embedding':
      case 'other':
        return type
      default:
        return role satisfies never
    }
  }

  /** Of the `index`-th of these matrices; they are small where heads share them, and errors in them show most. */
  #valuesType(index: number, type: QuantName): QuantName {
    const { experts, heads, kvHeads } = this.#model
    if (experts === 8) return 'Q8_0'
    const shared = kvHeads > 0 && Math.floor(heads / kvHeads) >= 4
    const chosen = (() => {
      switch (this.#mix) {
        case 'Q2_K':
          return shared ? 'Q4_K' : 'Q3_K'
        case 'Q3_K_M':
          return index < 2 ? 'Q5_K' : 'Q4_K'
        case 'Q3_K_L':
          return 'Q5_K'
        case 'IQ4_NL':
        case 'IQ4_XS':
          return shared ? 'Q5_K' : type
        case 'Q4_K_S':
          return index < 4 ? 'Q5_K' : type
        case 'Q4_K_M':
        case 'Q5_K_M':
          return moreBits(index, this.#valueMatrices) ? 'Q6_K' : type
        default:
          return type
      }
    })()
    return is70B(this.#model) && (chosen === 'Q3_K' || chosen === 'Q4_K') ? 'Q5_K' : chosen
  }

  #downType(layer: number, type: QuantName): QuantName {
    const { layers, importance } = this.#model
    const early = layer < Math.floor(layers / 8)
    switch (this.#mix) {
      case 'Q2_K':
        return 'Q3_K'
      case 'Q3_K_M':
        return layer < Math.floor(layers / 16) ? 'Q5_K' : 'Q4_K'
      case 'Q3_K_L':
        return 'Q5_K'
      case 'Q4_K_S':
        return early ? 'Q5_K' : type
      case 'Q4_K_M':
      case 'Q5_K_M':
        return moreBits(layer, layers) ? 'Q6_K' : type
      case 'IQ4_NL':
      case 'IQ4_XS':
        return early && !importance ? 'Q5_K' : type
      case 'Q4_0':
        return early && importance ? 'Q4_1' : type
      case 'Q5_0':
        return early && importance ? 'Q5_1' : type
      default:
        return type
    }
  }

  #attentionOutputType(type: QuantName): QuantName {
    const { experts } = this.#model
    switch (this.#mix) {
      case 'Q2_K':
        return experts === 8 ? 'Q5_K' : 'Q3_K'
      case 'Q3_K_M':
        return experts === 8 ? 'Q5_K' : 'Q4_K'
      case 'Q3_K_L':
        return experts === 8 ? type : 'Q5_K'
      case 'Q3_K_S':
      case 'Q4_K_S':
      case 'Q4_K_M':
      case 'IQ4_NL':
      case 'IQ4_XS':
        return experts === 8 ? 'Q5_K' : type
      default:
        return type
    }
  }
}

/** The first and the last eighth of the layers, and every third between. */
function moreBits(layer: number, layers: number): boolean {
  const eighth = Math.floor(layers / 8)
  return layer < eighth || layer >= Math.floor((7 * layers) / 8) || (layer - eighth) % 3 === 2
}

/** Models of 80 layers with shared keys and values, whose value matrices are an eighth as large as others'. */
function is70B({ architecture, layers, heads, kvHeads }: MixedModel): boolean {
  return layers === 80 && ((architecture === 'llama' && heads !== kvHeads) || architecture === 'qwen2')
}

/** Where rows are no whole blocks: the next larger format of blocks of 32; else F16. */
const smallBlocks: Partial<Record<QuantName, QuantName>> = {
  IQ4_XS: 'IQ4_NL',
  Q2_K: 'Q4_0',
  Q3_K: 'Q4_0',
  Q4_K: 'Q5_0',
  Q5_K: 'Q5_1',
  Q6_K: 'Q8_0',
}

function fitting(type: QuantName, columns: number): QuantName {
  if (columns % quants[type].elems === 0) return type
  return columns % 32 === 0 ? (smallBlocks[type] ?? 'F16') : 'F16'
}

/** What weights are made while a model is loaded: torchless-rs's presets. */
const presets = {
  /** Floats of 32 bits: nothing is rounded, neither weights nor, on the way, what they are multiplied with. */
  full: 'F32',
  balanced: 'Q8_0',
  memory: 'Q4_K_M',
  /** One scale for 32 weights of four bits: what GPUs read fastest. */
  gpu: 'Q4_0',
} as const satisfies Record<string, MixName>

export type PrecisionName = keyof typeof presets
export const precisionNames = Object.keys(presets) as readonly PrecisionName[]

/** The format of each tensor by name. But for `full`, none becomes larger: that would add nothing. */
export function precisionTypes(preset: PrecisionName, model: MixedModel): Map<string, WeightType> {
  const tensors = [...model.tensors]
  const wanted = mixedTypes(presets[preset], { ...model, tensors })
  return new Map(
    tensors.map(({ name, type }) => {
      const to = wanted.get(name)!
      return [name, preset === 'full' || weightBits(to) < weightBits(type) ? to : type]
    }),
  )
}
