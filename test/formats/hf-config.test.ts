// config.json of published models, as far as it says anything of the architecture, and what GGUF files of the same models say.
import { describe, expect, test } from 'vitest'
import { storedValues } from '../../src/formats/gguf/values.ts'
import { readConfig } from '../../src/formats/safetensors/config.ts'
import { Json } from '../../src/tokenizer/json.ts'

const f32 = Math.fround

/** By model: config.json, and keys of GGUF without the architecture. */
const models: Record<string, [config: Record<string, unknown>, expected: Record<string, unknown>]> = {
  'Llama 3.1 8B': [
    {
      ...{ model_type: 'llama', hidden_act: 'silu', hidden_size: 4096, intermediate_size: 14336 },
      ...{ max_position_embeddings: 131072, num_attention_heads: 32, num_hidden_layers: 32 },
      ...{ num_key_value_heads: 8, pretraining_tp: 1, rms_norm_eps: 1e-5, rope_theta: 500000 },
      ...{ tie_word_embeddings: false, vocab_size: 128256, attention_bias: false, mlp_bias: false },
      rope_scaling: {
        ...{ factor: 8, low_freq_factor: 1, high_freq_factor: 4, rope_type: 'llama3' },
        original_max_position_embeddings: 8192,
      },
    },
    {
      'general.architecture': 'llama',
      'attention.head_count_kv': 8,
      'attention.key_length': 128,
      'rope.freq_base': 500000,
      'rope.layout': 'halves',
      'rope.scaling.type': undefined,
    },
  ],
  'Phi-2': [
    {
      ...{ model_type: 'phi', hidden_act: 'gelu_new', hidden_size: 2560, intermediate_size: 10240 },
      ...{ layer_norm_eps: 1e-5, max_position_embeddings: 2048, num_attention_heads: 32 },
      ...{ num_hidden_layers: 32, num_key_value_heads: 32, partial_rotary_factor: 0.4, qk_layernorm: false },
      ...{ rope_scaling: null, rope_theta: 10000, vocab_size: 51200, tie_word_embeddings: false },
    },
    {
      'general.architecture': 'phi2',
      'attention.layer_norm_epsilon': f32(1e-5),
      'rope.dimension_count': 32,
      'attention.key_length': 80,
    },
  ],
  'Phi-3-mini-4k': [
    {
      ...{ model_type: 'phi3', hidden_act: 'silu', hidden_size: 3072, intermediate_size: 8192 },
      ...{ max_position_embeddings: 4096, num_attention_heads: 32, num_hidden_layers: 32 },
      ...{ num_key_value_heads: 32, original_max_position_embeddings: 4096, rms_norm_eps: 1e-5 },
      ...{ rope_scaling: null, rope_theta: 10000, sliding_window: 2047, vocab_size: 32064 },
    },
    { 'general.architecture': 'phi3', 'attention.sliding_window': 2047, 'rope.dimension_count': 96 },
  ],
  'Gemma 2 27B': [
    {
      ...{ model_type: 'gemma2', attn_logit_softcapping: 50, final_logit_softcapping: 30, head_dim: 128 },
      ...{ hidden_act: 'gelu_pytorch_tanh', hidden_activation: 'gelu_pytorch_tanh', hidden_size: 4608 },
      ...{ intermediate_size: 36864, max_position_embeddings: 8192, num_attention_heads: 32 },
      ...{ num_hidden_layers: 46, num_key_value_heads: 16, query_pre_attn_scalar: 144, rms_norm_eps: 1e-6 },
      ...{ rope_theta: 10000, sliding_window: 4096, vocab_size: 256000 },
    },
    {
      'general.architecture': 'gemma2',
      'attention.key_length': 128,
      'attention.scale': f32(1 / 12),
      attn_logit_softcapping: 50,
      final_logit_softcapping: 30,
      'attention.sliding_window': 4096,
    },
  ],
  // The text model says only what is unlike transformers' defaults.
  'Gemma 3 4B': [
    {
      model_type: 'gemma3',
      text_config: {
        ...{ model_type: 'gemma3_text', hidden_size: 2560, intermediate_size: 10240, num_hidden_layers: 34 },
        ...{ rope_scaling: { factor: 8, rope_type: 'linear' }, sliding_window: 1024 },
      },
      vision_config: { model_type: 'siglip_vision_model', hidden_size: 1152 },
    },
    {
      'general.architecture': 'gemma3',
      'attention.head_count': 8,
      'attention.head_count_kv': 4,
      'attention.key_length': 256,
      'attention.scale': f32(1 / 16),
      'attention.sliding_window': 1024,
      'rope.freq_base': 1e6,
      'rope.freq_base_swa': 10000,
      'rope.scaling.factor': 8,
      context_length: 131072,
    },
  ],
  'Qwen 2.5 7B': [
    {
      ...{ model_type: 'qwen2', hidden_act: 'silu', hidden_size: 3584, intermediate_size: 18944 },
      ...{ max_position_embeddings: 32768, max_window_layers: 28, num_attention_heads: 28 },
      ...{ num_hidden_layers: 28, num_key_value_heads: 4, rms_norm_eps: 1e-6, rope_theta: 1e6 },
      ...{ sliding_window: 131072, use_sliding_window: false, vocab_size: 152064 },
    },
    { 'general.architecture': 'qwen2', 'attention.sliding_window': undefined, 'attention.key_length': 128 },
  ],
  'Qwen 3 30B-A3B': [
    {
      ...{ model_type: 'qwen3_moe', decoder_sparse_step: 1, head_dim: 128, hidden_act: 'silu' },
      ...{ hidden_size: 2048, intermediate_size: 6144, max_position_embeddings: 40960, mlp_only_layers: [] },
      ...{ moe_intermediate_size: 768, norm_topk_prob: true, num_attention_heads: 32, num_experts: 128 },
      ...{ num_experts_per_tok: 8, num_hidden_layers: 48, num_key_value_heads: 4, rms_norm_eps: 1e-6 },
      ...{ rope_theta: 1e6, sliding_window: null, use_sliding_window: false, vocab_size: 151936 },
    },
    {
      'general.architecture': 'qwen3moe',
      expert_count: 128,
      expert_used_count: 8,
      expert_feed_forward_length: 768,
      expert_weights_norm: true,
    },
  ],
  'DeepSeek V2 Lite': [
    {
      ...{ model_type: 'deepseek_v2', first_k_dense_replace: 1, hidden_act: 'silu', hidden_size: 2048 },
      ...{ intermediate_size: 10944, kv_lora_rank: 512, max_position_embeddings: 163840 },
      ...{ moe_intermediate_size: 1408, moe_layer_freq: 1, n_group: 1, n_routed_experts: 64 },
      ...{ n_shared_experts: 2, norm_topk_prob: false, num_attention_heads: 16, num_experts_per_tok: 6 },
      ...{ num_hidden_layers: 27, num_key_value_heads: 16, q_lora_rank: null, qk_nope_head_dim: 128 },
      ...{ qk_rope_head_dim: 64, rms_norm_eps: 1e-6, rope_theta: 10000, routed_scaling_factor: 1 },
      ...{
        scoring_func: 'softmax',
        topk_group: 1,
        topk_method: 'greedy',
        v_head_dim: 128,
        vocab_size: 102400,
      },
      rope_scaling: {
        ...{
          beta_fast: 32,
          beta_slow: 1,
          factor: 40,
          mscale: 707 / 1000,
          mscale_all_dim: 707 / 1000,
          type: 'yarn',
        },
        original_max_position_embeddings: 4096,
      },
    },
    {
      'general.architecture': 'deepseek2',
      'attention.key_length': 192,
      'attention.value_length': 128,
      'attention.q_lora_rank': undefined,
      'rope.dimension_count': 64,
      'rope.scaling.yarn_log_multiplier': f32(0.0707),
      'rope.layout': undefined,
      expert_gating_func: 1,
      expert_shared_count: 2,
    },
  ],
  'DeepSeek V3': [
    {
      ...{ model_type: 'deepseek_v3', ep_size: 1, first_k_dense_replace: 3, hidden_act: 'silu' },
      ...{ hidden_size: 7168, intermediate_size: 18432, kv_lora_rank: 512, max_position_embeddings: 163840 },
      ...{ moe_intermediate_size: 2048, moe_layer_freq: 1, n_group: 8, n_routed_experts: 256 },
      ...{ n_shared_experts: 1, norm_topk_prob: true, num_attention_heads: 128, num_experts_per_tok: 8 },
      ...{ num_hidden_layers: 61, num_key_value_heads: 128, num_nextn_predict_layers: 1, q_lora_rank: 1536 },
      ...{ qk_nope_head_dim: 128, qk_rope_head_dim: 64, rms_norm_eps: 1e-6, rope_theta: 10000 },
      ...{ routed_scaling_factor: 2.5, scoring_func: 'sigmoid', topk_group: 4, topk_method: 'noaux_tc' },
      ...{ v_head_dim: 128, vocab_size: 129280 },
      quantization_config: {
        ...{ activation_scheme: 'dynamic', fmt: 'e4m3', quant_method: 'fp8', weight_block_size: [128, 128] },
      },
      rope_scaling: {
        ...{ beta_fast: 32, beta_slow: 1, factor: 40, mscale: 1, mscale_all_dim: 1, type: 'yarn' },
        original_max_position_embeddings: 4096,
      },
    },
    {
      'attention.q_lora_rank': 1536,
      'rope.scaling.yarn_log_multiplier': f32(0.1),
      expert_gating_func: 2,
      expert_group_count: 8,
      expert_group_used_count: 4,
      expert_weights_scale: 2.5,
      leading_dense_block_count: 3,
    },
  ],
}

describe('published models', () => {
  test.each(Object.entries(models))('%s', (_, [config, expected]) => {
    const { metadata, family } = readConfig(new Json(config, 'config.json'))
    const { metadata: values } = storedValues(metadata)
    for (const [key, value] of Object.entries(expected))
      expect(values.get(key.startsWith('general.') ? key : `${family.architecture}.${key}`), key).toEqual(
        value,
      )
  })

  test('layers that guess ahead are known of DeepSeek V3', () => {
    expect(readConfig(new Json(models['DeepSeek V3']![0], 'config.json')).extraLayers).toBe(1)
  })

  test('embeddings are shared where the model or its family says so', () => {
    const tied = (name: string) => readConfig(new Json(models[name]![0], 'config.json')).tied
    expect(['Gemma 3 4B', 'Gemma 2 27B', 'Llama 3.1 8B', 'Qwen 3 30B-A3B'].map(tied)).toEqual([
      true,
      true,
      false,
      false,
    ])
  })
})
