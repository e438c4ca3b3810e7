// What HuggingFace's checkpoints call what GGUF has other names for: model types, keys of config.json and tensors, one entry a
// family. Data alone, read in both directions (transformers' modeling_*.py and configuration_*.py have the names and defaults).

/** How a value of config.json is stored in GGUF. */
export type FieldKind = 'count' | 'number' | 'flag'

/** A key of config.json, GGUF's key without the architecture, and what it is if the file does not say. */
export interface Field {
  readonly theirs: string
  readonly ours: string
  readonly kind: FieldKind
  readonly fallback?: number | boolean
  /** Where config.json has none, the model has none. */
  readonly optional?: true
  /** What GGUF files mean that lack theirs. */
  readonly unsaid?: number | boolean
}

/** Names without `.weight` and `.bias`, HuggingFace's first; `*` is the number of an expert. */
export type Names = Readonly<Record<string, string>>

export interface Family {
  /** `model_type` in config.json. */
  readonly modelType: string
  /** `architectures` in config.json. */
  readonly className: string
  /** `general.architecture` in GGUF. */
  readonly architecture: string
  /** Behind `model.layers.N.`, and `blk.N.` in GGUF. */
  readonly layer: Names
  /** Of the whole model. */
  readonly shared: Names
  readonly fields: readonly Field[]
  /** Values of `hidden_act` that mean what torchless computes. */
  readonly activations: readonly string[]
  /** What config.json leaves out where it is as in transformers' own defaults. */
  readonly defaults?: Readonly<Record<string, unknown>>
  /** Values that torchless knows of keys that mean another model otherwise. */
  readonly only?: Readonly<Record<string, readonly unknown[]>>
  /** Rope turns pairs half a head apart here, and neighbours in GGUF. */
  readonly ropeHalves?: true
  /** Files hold how much more than 1 a norm multiplies by. */
  readonly normsFromOne?: true
  /** Latent attention: head sizes have keys of their own. */
  readonly latent?: true
}

const count = (theirs: string, ours: string, more: Partial<Field> = {}): Field => ({
  ...{ theirs, ours, kind: 'count' },
  ...more,
})
const number = (theirs: string, ours: string, more: Partial<Field> = {}): Field => ({
  ...{ theirs, ours, kind: 'number' },
  ...more,
})
const flag = (theirs: string, ours: string, fallback: boolean, unsaid = fallback): Field => ({
  ...{ theirs, ours, kind: 'flag', fallback, unsaid },
})
const optional = { optional: true } as const

const sizes: readonly Field[] = [
  count('max_position_embeddings', 'context_length'),
  count('hidden_size', 'embedding_length'),
  count('num_hidden_layers', 'block_count'),
  count('intermediate_size', 'feed_forward_length'),
  count('num_attention_heads', 'attention.head_count'),
  count('vocab_size', 'vocab_size', optional),
]
const common: readonly Field[] = [
  ...sizes,
  number('rms_norm_eps', 'attention.layer_norm_rms_epsilon', { fallback: 1e-6 }),
]
const window = count('sliding_window', 'attention.sliding_window', optional)

/** What all mixtures say, under one name or another. */
const mixture = (experts: string): readonly Field[] => [
  count(experts, 'expert_count'),
  count('num_experts_per_tok', 'expert_used_count'),
]
const expertSize = count('moe_intermediate_size', 'expert_feed_forward_length')
const ownExperts: readonly Field[] = [expertSize, flag('norm_topk_prob', 'expert_weights_norm', false)]
const deepseekExperts: readonly Field[] = [
  ...mixture('n_routed_experts'),
  ...ownExperts,
  count('n_shared_experts', 'expert_shared_count', optional),
  count('first_k_dense_replace', 'leading_dense_block_count', { fallback: 0, unsaid: 0 }),
]

const attention: Names = {
  input_layernorm: 'attn_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
}
const headNorms: Names = { 'self_attn.q_norm': 'attn_q_norm', 'self_attn.k_norm': 'attn_k_norm' }
const mlp: Names = {
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
}
const experts: Names = {
  'mlp.gate': 'ffn_gate_inp',
  'mlp.experts.*.gate_proj': 'ffn_gate_exps',
  'mlp.experts.*.up_proj': 'ffn_up_exps',
  'mlp.experts.*.down_proj': 'ffn_down_exps',
}
const sharedExperts = (name: string): Names => ({
  [`mlp.${name}.gate_proj`]: 'ffn_gate_shexp',
  [`mlp.${name}.up_proj`]: 'ffn_up_shexp',
  [`mlp.${name}.down_proj`]: 'ffn_down_shexp',
})
const blockSparse: Names = {
  'block_sparse_moe.gate': 'ffn_gate_inp',
  'block_sparse_moe.experts.*.w1': 'ffn_gate_exps',
  'block_sparse_moe.experts.*.w3': 'ffn_up_exps',
  'block_sparse_moe.experts.*.w2': 'ffn_down_exps',
}
const twoNorms: Names = { post_attention_layernorm: 'ffn_norm' }
const fourNorms: Names = {
  post_attention_layernorm: 'post_attention_norm',
  pre_feedforward_layernorm: 'ffn_norm',
  post_feedforward_layernorm: 'post_ffw_norm',
}
const latentAttention: Names = {
  input_layernorm: 'attn_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.q_a_proj': 'attn_q_a',
  'self_attn.q_a_layernorm': 'attn_q_a_norm',
  'self_attn.q_b_proj': 'attn_q_b',
  'self_attn.kv_a_proj_with_mqa': 'attn_kv_a_mqa',
  'self_attn.kv_a_layernorm': 'attn_kv_a_norm',
  'self_attn.kv_b_proj': 'attn_kv_b',
  'self_attn.o_proj': 'attn_output',
}

/** LLaMA's names, which files of torchless-rs have as well. */
export const llamaNames: Names = { ...attention, ...twoNorms, ...mlp }
export const sharedNames: Names = {
  'model.embed_tokens': 'token_embd',
  'model.norm': 'output_norm',
  lm_head: 'output',
}

const silu = ['silu', 'swish']
const gelu = ['gelu', 'gelu_new', 'gelu_pytorch_tanh', 'gelu_fast']
const llama = {
  architecture: 'llama',
  layer: llamaNames,
  shared: sharedNames,
  fields: common,
  activations: silu,
  ropeHalves: true,
} as const
const gemma = {
  shared: sharedNames,
  activations: gelu,
  normsFromOne: true,
} as const
const gemmaDefaults = { head_dim: 256, tie_word_embeddings: true, hidden_act: 'gelu_pytorch_tanh' }
const qwen = { shared: sharedNames, activations: silu, only: { use_sliding_window: [false] } } as const
const deepseek2 = {
  architecture: 'deepseek2',
  layer: {
    ...latentAttention,
    ...twoNorms,
    ...mlp,
    ...experts,
    ...sharedExperts('shared_experts'),
    'mlp.gate.e_score_correction_bias': 'exp_probs_b.bias',
  },
  shared: sharedNames,
  fields: [
    ...common,
    ...deepseekExperts,
    count('q_lora_rank', 'attention.q_lora_rank', optional),
    count('kv_lora_rank', 'attention.kv_lora_rank'),
    number('routed_scaling_factor', 'expert_weights_scale', { fallback: 1, unsaid: 1 }),
    count('n_group', 'expert_group_count', { ...optional, unsaid: 1 }),
    count('topk_group', 'expert_group_used_count', { ...optional, unsaid: 1 }),
  ],
  activations: silu,
  latent: true,
} as const

/** Where several are of one architecture, a writer takes the first that fits what a model has (see `familyOf`). */
export const families: readonly Family[] = [
  { ...llama, modelType: 'llama', className: 'LlamaForCausalLM' },
  {
    ...llama,
    modelType: 'mistral',
    className: 'MistralForCausalLM',
    fields: [...common, window],
    defaults: { num_key_value_heads: 8 },
  },
  {
    ...llama,
    modelType: 'mixtral',
    className: 'MixtralForCausalLM',
    layer: { ...attention, ...twoNorms, ...blockSparse },
    fields: [...common, window, ...mixture('num_local_experts')],
    defaults: {
      num_key_value_heads: 8,
      num_local_experts: 8,
      num_experts_per_tok: 2,
      rope_theta: 1e6,
      rms_norm_eps: 1e-5,
    },
  },
  {
    modelType: 'phi',
    className: 'PhiForCausalLM',
    architecture: 'phi2',
    layer: {
      input_layernorm: 'attn_norm',
      'self_attn.q_proj': 'attn_q',
      'self_attn.k_proj': 'attn_k',
      'self_attn.v_proj': 'attn_v',
      'self_attn.dense': 'attn_output',
      'mlp.fc1': 'ffn_up',
      'mlp.fc2': 'ffn_down',
    },
    shared: {
      'model.embed_tokens': 'token_embd',
      'model.final_layernorm': 'output_norm',
      lm_head: 'output',
    },
    fields: [...sizes, number('layer_norm_eps', 'attention.layer_norm_epsilon', { fallback: 1e-5 })],
    activations: gelu,
    defaults: { partial_rotary_factor: 0.5, hidden_act: 'gelu_new' },
    only: { qk_layernorm: [false] },
  },
  {
    modelType: 'phi3',
    className: 'Phi3ForCausalLM',
    architecture: 'phi3',
    layer: {
      input_layernorm: 'attn_norm',
      'self_attn.qkv_proj': 'attn_qkv',
      'self_attn.o_proj': 'attn_output',
      ...twoNorms,
      'mlp.gate_up_proj': 'ffn_up',
      'mlp.down_proj': 'ffn_down',
    },
    shared: sharedNames,
    fields: [...common, window],
    activations: silu,
    defaults: { rms_norm_eps: 1e-5 },
  },
  {
    modelType: 'phimoe',
    className: 'PhimoeForCausalLM',
    architecture: 'phimoe',
    layer: { ...attention, ...twoNorms, ...blockSparse },
    shared: sharedNames,
    fields: [...common, window, ...mixture('num_local_experts')],
    activations: silu,
    defaults: {
      num_key_value_heads: 8,
      num_local_experts: 16,
      num_experts_per_tok: 2,
      rope_theta: 1e6,
      rms_norm_eps: 1e-5,
    },
  },
  {
    ...gemma,
    modelType: 'gemma',
    className: 'GemmaForCausalLM',
    architecture: 'gemma',
    layer: llamaNames,
    fields: common,
    defaults: gemmaDefaults,
  },
  {
    ...gemma,
    modelType: 'gemma2',
    className: 'Gemma2ForCausalLM',
    architecture: 'gemma2',
    layer: { ...attention, ...fourNorms, ...mlp },
    fields: [
      ...common,
      window,
      number('attn_logit_softcapping', 'attn_logit_softcapping', { fallback: 0, unsaid: 50 }),
      number('final_logit_softcapping', 'final_logit_softcapping', { fallback: 0, unsaid: 30 }),
    ],
    defaults: {
      ...gemmaDefaults,
      query_pre_attn_scalar: 256,
      sliding_window: 4096,
      attn_logit_softcapping: 50,
      final_logit_softcapping: 30,
    },
  },
  {
    ...gemma,
    modelType: 'gemma3_text',
    className: 'Gemma3ForCausalLM',
    architecture: 'gemma3',
    layer: { ...attention, ...headNorms, ...fourNorms, ...mlp },
    fields: [
      ...common,
      window,
      number('rope_local_base_freq', 'rope.freq_base_swa', { fallback: 10_000, unsaid: 10_000 }),
    ],
    defaults: {
      ...gemmaDefaults,
      query_pre_attn_scalar: 256,
      sliding_window: 4096,
      num_attention_heads: 8,
      num_key_value_heads: 4,
      max_position_embeddings: 131_072,
      rope_theta: 1e6,
      vocab_size: 262_208,
    },
    only: { attn_logit_softcapping: [null], final_logit_softcapping: [null] },
  },
  {
    ...qwen,
    modelType: 'qwen2',
    className: 'Qwen2ForCausalLM',
    architecture: 'qwen2',
    layer: llamaNames,
    fields: common,
  },
  {
    ...qwen,
    modelType: 'qwen2_moe',
    className: 'Qwen2MoeForCausalLM',
    architecture: 'qwen2moe',
    layer: {
      ...llamaNames,
      ...experts,
      ...sharedExperts('shared_expert'),
      'mlp.shared_expert_gate': 'ffn_gate_inp_shexp',
    },
    fields: [
      ...common,
      ...mixture('num_experts'),
      ...ownExperts,
      count('shared_expert_intermediate_size', 'expert_shared_feed_forward_length'),
    ],
  },
  {
    ...qwen,
    modelType: 'qwen3',
    className: 'Qwen3ForCausalLM',
    architecture: 'qwen3',
    layer: { ...llamaNames, ...headNorms },
    fields: common,
    defaults: { head_dim: 128 },
  },
  {
    ...qwen,
    modelType: 'qwen3_moe',
    className: 'Qwen3MoeForCausalLM',
    architecture: 'qwen3moe',
    layer: { ...llamaNames, ...headNorms, ...experts },
    fields: [
      ...common,
      ...mixture('num_experts'),
      expertSize,
      flag('norm_topk_prob', 'expert_weights_norm', false, true),
    ],
  },
  {
    modelType: 'deepseek',
    className: 'DeepseekForCausalLM',
    architecture: 'deepseek',
    layer: { ...llamaNames, ...experts, ...sharedExperts('shared_experts') },
    shared: sharedNames,
    fields: [...common, ...deepseekExperts],
    activations: silu,
    ropeHalves: true,
    only: { scoring_func: ['softmax'], moe_layer_freq: [1] },
  },
  {
    ...deepseek2,
    modelType: 'deepseek_v2',
    className: 'DeepseekV2ForCausalLM',
    only: { scoring_func: ['softmax'], moe_layer_freq: [1], topk_method: ['greedy', 'group_limited_greedy'] },
  },
  {
    ...deepseek2,
    modelType: 'deepseek_v3',
    className: 'DeepseekV3ForCausalLM',
    defaults: { norm_topk_prob: true, scoring_func: 'sigmoid' },
    only: { scoring_func: ['sigmoid'], moe_layer_freq: [1], topk_method: ['noaux_tc'] },
  },
]

/** Tensors that other engines compute from, or that belong to what torchless leaves out: images, tokens guessed ahead. */
export const ignored =
  /(?:^|\.)(?:rotary_emb\.inv_freq|masked_bias|attn\.bias)$|^(?:model\.)?(?:vision_tower|vision_model|multi_modal_projector)\./

/** A tensor's name in a checkpoint of text alone, whose model lies deeper in one that also knows images. */
export function textName(name: string): string {
  return name.replace(/^language_model\./, '').replace(/^model\.language_model\./, 'model.')
}
