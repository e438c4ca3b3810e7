// Templates of well-known families, for files that bring none. Each is described by what stands before and after a
// message, and becomes a Jinja text of its own. None begins with BOS: the tokenizer puts that first.

/** What stands before and after a message's text. */
type Around = readonly [before: string, after: string]

interface Format {
  /** Where the format is published. */
  readonly source: string
  /** A text: there is no system message, it goes before the next user's, with this between. */
  readonly system: Around | string
  readonly user: Around
  readonly assistant: Around
  /** Where the assistant's answer begins. */
  readonly prompt: string
  /** Jinja that comes first. */
  readonly start?: string
  /** Whose texts lose white space at their ends. Default: nobody's. */
  readonly trim?: 'all' | 'assistant'
  /** Jinja that changes an assistant's text, `{text}`. */
  readonly answer?: string
  /** Stands for a system message where there is none. */
  readonly defaultSystem?: string
}

const huggingFace = (model: string) => `https://huggingface.co/${model}`

/** All roles written alike. */
function alike(before: (role: string) => string, after: string, source: string): Format {
  return {
    source,
    system: [before('system'), after],
    user: [before('user'), after],
    assistant: [before('assistant'), after],
    prompt: before('assistant'),
  }
}

const MISTRAL =
  'https://github.com/mistralai/cookbook/blob/main/concept-deep-dive/tokenization/chat_templates.md'
const DEEPSEEK_END = '<｜end▁of▁sentence｜>'

const chatml = alike(
  role => `<|im_start|>${role}\n`,
  '<|im_end|>\n',
  'https://github.com/openai/openai-python/blob/v0.28.1/chatml.md',
)
const deepseekV3: Format = {
  source: huggingFace('deepseek-ai/DeepSeek-V3'),
  system: ['', ''],
  user: ['<｜User｜>', ''],
  assistant: ['<｜Assistant｜>', DEEPSEEK_END],
  prompt: '<｜Assistant｜>',
}
const mistralV1: Format = {
  source: MISTRAL,
  system: '\n\n',
  user: [' [INST] ', ' [/INST]'],
  assistant: [' ', '</s>'],
  prompt: '',
}

const formats = {
  chatml,
  smollm: {
    ...chatml,
    source: huggingFace('HuggingFaceTB/SmolLM2-1.7B-Instruct'),
    defaultSystem: 'You are a helpful AI assistant named SmolLM, trained by Hugging Face',
  },
  llama2: {
    source: 'https://huggingface.co/blog/llama2#how-to-prompt-llama-2',
    system: '\n<</SYS>>\n\n',
    user: ['[INST] ', ' [/INST]'],
    assistant: [' ', ' </s><s>'],
    prompt: '',
    trim: 'all',
  },
  llama3: {
    ...alike(
      role => `<|start_header_id|>${role}<|end_header_id|>\n\n`,
      '<|eot_id|>',
      'https://www.llama.com/docs/model-cards-and-prompt-formats/meta-llama-3/',
    ),
    trim: 'all',
  },
  llama4: {
    ...alike(
      role => `<|header_start|>${role}<|header_end|>\n\n`,
      '<|eot|>',
      'https://www.llama.com/docs/model-cards-and-prompt-formats/llama4/',
    ),
    trim: 'all',
  },
  'mistral-v1': mistralV1,
  mixtral: mistralV1,
  'mistral-v3': {
    source: MISTRAL,
    system: '\n\n',
    user: ['[INST] ', '[/INST]'],
    assistant: [' ', '</s>'],
    prompt: '',
    trim: 'assistant',
  },
  'mistral-v3-tekken': {
    source: MISTRAL,
    system: '\n\n',
    user: ['[INST]', '[/INST]'],
    assistant: ['', '</s>'],
    prompt: '',
  },
  'mistral-v7': {
    source: huggingFace('mistralai/Mistral-Large-Instruct-2411'),
    system: ['[SYSTEM_PROMPT] ', '[/SYSTEM_PROMPT]'],
    user: ['[INST] ', '[/INST]'],
    assistant: [' ', '</s>'],
    prompt: '',
  },
  'mistral-v7-tekken': {
    source: huggingFace('mistralai/Mistral-Small-3.1-24B-Instruct-2503'),
    system: ['[SYSTEM_PROMPT]', '[/SYSTEM_PROMPT]'],
    user: ['[INST]', '[/INST]'],
    assistant: ['', '</s>'],
    prompt: '',
  },
  phi3: alike(role => `<|${role}|>\n`, '<|end|>\n', huggingFace('microsoft/Phi-3-mini-4k-instruct')),
  phi4: alike(role => `<|im_start|>${role}<|im_sep|>`, '<|im_end|>', huggingFace('microsoft/phi-4')),
  gemma: {
    source: 'https://ai.google.dev/gemma/docs/core/prompt-structure',
    system: '\n\n',
    user: ['<start_of_turn>user\n', '<end_of_turn>\n'],
    assistant: ['<start_of_turn>model\n', '<end_of_turn>\n'],
    prompt: '<start_of_turn>model\n',
    trim: 'all',
  },
  'deepseek-coder': {
    source: huggingFace('deepseek-ai/deepseek-coder-33b-instruct'),
    system: ['', ''],
    user: ['### Instruction:\n', '\n'],
    assistant: ['### Response:\n', '\n<|EOT|>\n'],
    prompt: '### Response:\n',
  },
  'deepseek-v1': deepseekUser(huggingFace('deepseek-ai/deepseek-llm-7b-chat')),
  'deepseek-v2': deepseekUser(huggingFace('deepseek-ai/DeepSeek-V2-Chat')),
  'deepseek-v3': deepseekV3,
  'deepseek-r1': {
    ...deepseekV3,
    source: huggingFace('deepseek-ai/DeepSeek-R1'),
    prompt: '<｜Assistant｜><think>\n',
    // Earlier thoughts are not repeated.
    answer: "{text}.split('</think>')[-1]",
  },
  'command-r': {
    source: 'https://docs.cohere.com/docs/command-r-hf',
    system: ['<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>', '<|END_OF_TURN_TOKEN|>'],
    user: ['<|START_OF_TURN_TOKEN|><|USER_TOKEN|>', '<|END_OF_TURN_TOKEN|>'],
    assistant: ['<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>', '<|END_OF_TURN_TOKEN|>'],
    prompt: '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>',
    trim: 'all',
  },
  granite: alike(
    role => `<|start_of_role|>${role}<|end_of_role|>`,
    '<|end_of_text|>\n',
    huggingFace('ibm-granite/granite-3.0-8b-instruct'),
  ),
  zephyr: alike(role => `<|${role}|>\n`, '</s>\n', huggingFace('HuggingFaceH4/zephyr-7b-beta')),
  'stablelm-zephyr': alike(
    role => `<|${role}|>\n`,
    '<|endoftext|>\n',
    huggingFace('stabilityai/stablelm-zephyr-3b'),
  ),
  vicuna: {
    source: huggingFace('eachadea/vicuna-13b-1.1'),
    system: ['', '\n\n'],
    user: ['USER: ', '\n'],
    assistant: ['ASSISTANT: ', '</s>\n'],
    prompt: 'ASSISTANT:',
  },
  alpaca: {
    source: 'https://github.com/tatsu-lab/stanford_alpaca#data-release',
    system: ['', '\n\n'],
    user: ['### Instruction:\n', '\n\n'],
    assistant: ['### Response:\n', '</s>\n\n'],
    prompt: '### Response:\n',
    defaultSystem:
      'Below is an instruction that describes a task. Write a response that appropriately completes the request.',
  },
  openchat: {
    source: huggingFace('openchat/openchat-3.5-0106'),
    system: ['GPT4 Correct System: ', '<|end_of_turn|>'],
    user: ['GPT4 Correct User: ', '<|end_of_turn|>'],
    assistant: ['GPT4 Correct Assistant: ', '<|end_of_turn|>'],
    prompt: 'GPT4 Correct Assistant:',
  },
  glm4: {
    ...alike(role => `<|${role}|>\n`, '', huggingFace('THUDM/glm-4-9b-chat')),
    start: '[gMASK]<sop>',
    prompt: '<|assistant|>',
  },
  megrez: alike(
    role => `<|role_start|>${role}<|role_end|>`,
    '<|turn_end|>',
    huggingFace('Infinigence/Megrez-3B-Instruct'),
  ),
  minicpm: {
    source: huggingFace('openbmb/MiniCPM-2B-sft-bf16'),
    system: ['', ''],
    user: ['<用户>', '<AI>'],
    assistant: ['', ''],
    prompt: '',
    trim: 'all',
  },
  'gpt-oss': {
    source: 'https://cookbook.openai.com/articles/openai-harmony',
    start:
      '<|start|>system<|message|>You are ChatGPT, a large language model trained by OpenAI.\n' +
      "Knowledge cutoff: 2024-06\nCurrent date: {{ strftime_now('%Y-%m-%d') }}\n\n" +
      "Reasoning: {{ reasoning_effort | default('medium') }}\n\n" +
      '# Valid channels: analysis, commentary, final. Channel must be included for every message.<|end|>',
    system: ['<|start|>developer<|message|># Instructions\n\n', '\n\n<|end|>'],
    user: ['<|start|>user<|message|>', '<|end|>'],
    assistant: ['<|start|>assistant<|channel|>final<|message|>', '<|end|>'],
    prompt: '<|start|>assistant',
  },
} as const satisfies Record<string, Format>

function deepseekUser(source: string): Format {
  return {
    source,
    system: ['', '\n\n'],
    user: ['User: ', '\n\n'],
    assistant: ['Assistant: ', DEEPSEEK_END],
    prompt: 'Assistant:',
  }
}

export type BuiltinName = keyof typeof formats
export const builtinNames = Object.keys(formats) as readonly BuiltinName[]

export function isBuiltinName(name: string): name is BuiltinName {
  return Object.hasOwn(formats, name)
}

/** The Jinja text of a family's format. */
export function builtinTemplate(name: BuiltinName): string {
  const format: Format = formats[name]
  const { start = '', system, user, assistant, prompt, trim, answer = '{text}', defaultSystem } = format
  const text = trim === 'all' ? 'text(message.content).strip()' : 'text(message.content)'
  const reply = answer.replace('{text}', trim === 'assistant' ? `${text}.strip()` : text)
  const print = ([before, after]: Around, content: string) =>
    `{{ ${JSON.stringify(before)} + ${content} + ${JSON.stringify(after)} }}`
  const joined = typeof system === 'string'
  // LLaMA 2 marks where the system's part begins, too.
  const opening = name === 'llama2' ? '<<SYS>>\n' : ''
  const onSystem = joined
    ? `{% set turn.system = turn.system + ${JSON.stringify(opening)} + ${text} + ${JSON.stringify(system)} %}`
    : print(system, text)
  const onUser = joined
    ? `${print(user, `turn.system + ${text}`)}{% set turn.system = '' %}`
    : print(user, text)
  return [
    // Contents are texts, lists of parts, or missing.
    '{% macro text(content) %}{% if content is string %}{{ content }}{% elif content %}',
    '{% for part in content %}{{ part.text }}{% endfor %}{% endif %}{% endmacro %}',
    start,
    defaultSystem !== undefined && !joined
      ? `{% if messages[0].role not in ['system', 'developer'] %}${print(system, JSON.stringify(defaultSystem))}{% endif %}`
      : '',
    "{% set turn = namespace(system='') %}",
    '{% for message in messages %}',
    `{% if message.role in ['system', 'developer'] %}${onSystem}`,
    `{% elif message.role == 'assistant' %}${print(assistant, reply)}`,
    `{% else %}${onUser}{% endif %}`,
    '{% endfor %}',
    prompt === '' ? '' : `{% if add_generation_prompt %}{{ ${JSON.stringify(prompt)} }}{% endif %}`,
  ].join('')
}

/** Where a format is published. */
export function builtinSource(name: BuiltinName): string {
  return formats[name].source
}

export interface ModelTraits {
  /** `general.architecture`. */
  readonly architecture: string
  /** Whether the vocabulary has a token that is written so. */
  readonly hasToken: (text: string) => boolean
}

/**
 * The format that a model is likely to have been trained with, or undefined where nothing tells: formats whose marks
 * are plain text (llama2, vicuna, alpaca, mistral-v1) leave no trace in a vocabulary.
 */
export function detectBuiltin({ architecture, hasToken }: ModelTraits): BuiltinName | undefined {
  const has = (...texts: readonly string[]) => texts.every(hasToken)
  /** Byte tokens are of SentencePiece; Mistral's tekken has none. */
  const tekken = !has('<0x0A>')
  const rules: readonly (readonly [BuiltinName, boolean])[] = [
    ['gpt-oss', has('<|start|>', '<|message|>', '<|channel|>')],
    ['llama4', has('<|header_start|>', '<|eot|>')],
    ['llama3', has('<|start_header_id|>', '<|eot_id|>')],
    ['deepseek-r1', has('<｜User｜>', '<think>')],
    ['deepseek-v3', has('<｜User｜>')],
    ['deepseek-v2', architecture === 'deepseek2'],
    ['deepseek-v1', architecture === 'deepseek'],
    ['deepseek-coder', has('<|EOT|>', DEEPSEEK_END)],
    ['granite', has('<|start_of_role|>')],
    ['command-r', has('<|START_OF_TURN_TOKEN|>')],
    ['gemma', has('<start_of_turn>')],
    ['phi4', has('<|im_start|>', '<|im_sep|>')],
    ['chatml', has('<|im_start|>', '<|im_end|>')],
    ['megrez', has('<|role_start|>')],
    ['glm4', has('[gMASK]', '<sop>', '<|user|>')],
    ['phi3', has('<|user|>', '<|assistant|>', '<|end|>')],
    ['minicpm', has('<用户>')],
    ['openchat', has('<|end_of_turn|>')],
    ['mistral-v7-tekken', has('[SYSTEM_PROMPT]') && tekken],
    ['mistral-v7', has('[SYSTEM_PROMPT]')],
    ['mistral-v3-tekken', has('[INST]') && tekken],
    ['mistral-v3', has('[INST]')],
    ['stablelm-zephyr', architecture === 'stablelm' && has('<|endoftext|>')],
  ]
  return rules.find(([, fits]) => fits)?.[0]
}
