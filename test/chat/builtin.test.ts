// Built-in formats write conversations as their publishers show it.
import { expect, test } from 'vitest'
import {
  type BuiltinName,
  builtinNames,
  builtinSource,
  builtinTemplate,
  detectBuiltin,
} from '../../src/chat/builtin.ts'
import { ChatTemplate, type Message } from '../../src/chat/template.ts'

const conversation: Message[] = [
  { role: 'system', content: 'Be kind.' },
  { role: 'user', content: ' Hi ' },
  { role: 'assistant', content: '<think>hm</think>Hello' },
  { role: 'user', content: [{ type: 'text', text: 'Bye' }] },
]

function render(name: BuiltinName, messages = conversation, options = {}): string {
  const segments = new ChatTemplate(builtinTemplate(name)).render(messages, options)
  return segments.map(({ text }) => text).join('')
}

test.each<[BuiltinName, string]>([
  [
    'chatml',
    '<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\n Hi <|im_end|>\n' +
      '<|im_start|>assistant\n<think>hm</think>Hello<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n',
  ],
  [
    'llama2',
    '[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\nHi [/INST] <think>hm</think>Hello </s><s>[INST] Bye [/INST]',
  ],
  [
    'llama4',
    '<|header_start|>system<|header_end|>\n\nBe kind.<|eot|><|header_start|>user<|header_end|>\n\nHi<|eot|>' +
      '<|header_start|>assistant<|header_end|>\n\n<think>hm</think>Hello<|eot|>' +
      '<|header_start|>user<|header_end|>\n\nBye<|eot|><|header_start|>assistant<|header_end|>\n\n',
  ],
  [
    'mistral-v7-tekken',
    '[SYSTEM_PROMPT]Be kind.[/SYSTEM_PROMPT][INST] Hi [/INST]<think>hm</think>Hello</s>[INST]Bye[/INST]',
  ],
  [
    'deepseek-r1',
    'Be kind.<｜User｜> Hi <｜Assistant｜>Hello<｜end▁of▁sentence｜><｜User｜>Bye<｜Assistant｜><think>\n',
  ],
  [
    'zephyr',
    '<|system|>\nBe kind.</s>\n<|user|>\n Hi </s>\n<|assistant|>\n<think>hm</think>Hello</s>\n<|user|>\nBye</s>\n<|assistant|>\n',
  ],
  [
    'alpaca',
    'Be kind.\n\n### Instruction:\n Hi \n\n### Response:\n<think>hm</think>Hello</s>\n\n### Instruction:\nBye\n\n### Response:\n',
  ],
])('%s', (name, expected) => {
  expect(render(name)).toBe(expected)
})

test('gpt-oss, in harmony', () => {
  expect(
    render('gpt-oss', [conversation[0]!, { role: 'user', content: 'Hi' }], { now: new Date(2025, 7, 5) }),
  ).toBe(
    '<|start|>system<|message|>You are ChatGPT, a large language model trained by OpenAI.\n' +
      'Knowledge cutoff: 2024-06\nCurrent date: 2025-08-05\n\nReasoning: medium\n\n' +
      '# Valid channels: analysis, commentary, final. Channel must be included for every message.<|end|>' +
      '<|start|>developer<|message|># Instructions\n\nBe kind.\n\n<|end|><|start|>user<|message|>Hi<|end|><|start|>assistant',
  )
})

test('a family’s own system message stands where there is none', () => {
  expect(render('smollm', [{ role: 'user', content: 'Hi' }])).toMatch(
    /^<\|im_start\|>system\nYou are .*SmolLM/,
  )
  expect(render('smollm')).toMatch(/^<\|im_start\|>system\nBe kind/)
})

test('every format shows every text in order, says where it ends, and names its source', () => {
  for (const name of builtinNames) {
    expect(render(name), name).toMatch(/Be kind\..*Hi.*Hello.*Bye/s)
    const open = render(name, [{ role: 'user', content: null }], { addGenerationPrompt: false })
    expect(render(name, [{ role: 'user', content: null }]).startsWith(open), name).toBe(true)
    expect(builtinSource(name)).toMatch(/^https:\/\//)
  }
})

test.each<[BuiltinName | undefined, string, string[]]>([
  ['chatml', 'qwen2', ['<|im_start|>', '<|im_end|>', '<|endoftext|>']],
  ['phi4', 'phi3', ['<|im_start|>', '<|im_end|>', '<|im_sep|>']],
  ['phi3', 'phi3', ['<|user|>', '<|assistant|>', '<|end|>', '<0x0A>']],
  ['llama3', 'llama', ['<|start_header_id|>', '<|eot_id|>']],
  ['llama4', 'llama4', ['<|header_start|>', '<|eot|>']],
  ['gemma', 'gemma2', ['<start_of_turn>', '<end_of_turn>', '<0x0A>']],
  ['mistral-v3', 'llama', ['[INST]', '[/INST]', '<0x0A>']],
  ['mistral-v3-tekken', 'llama', ['[INST]', '[/INST]']],
  ['mistral-v7', 'llama', ['[INST]', '[SYSTEM_PROMPT]', '<0x0A>']],
  ['mistral-v7-tekken', 'llama', ['[INST]', '[SYSTEM_PROMPT]']],
  ['deepseek-r1', 'qwen2', ['<｜User｜>', '<｜Assistant｜>', '<think>']],
  ['deepseek-v3', 'deepseek2', ['<｜User｜>', '<｜Assistant｜>']],
  ['deepseek-v2', 'deepseek2', ['<｜end▁of▁sentence｜>']],
  ['deepseek-v1', 'deepseek', ['<｜end▁of▁sentence｜>']],
  ['deepseek-coder', 'llama', ['<|EOT|>', '<｜end▁of▁sentence｜>']],
  ['command-r', 'command-r', ['<|START_OF_TURN_TOKEN|>']],
  ['granite', 'granite', ['<|start_of_role|>']],
  ['gpt-oss', 'gpt-oss', ['<|start|>', '<|message|>', '<|channel|>']],
  ['openchat', 'llama', ['<|end_of_turn|>']],
  [undefined, 'llama', ['<s>', '</s>', '<0x0A>']],
])('%s is told by architecture and tokens', (name, architecture, tokens) => {
  expect(detectBuiltin({ architecture, hasToken: text => tokens.includes(text) })).toBe(name)
})
