// Chat templates of real models and small ones render as Jinja2 renders them.
import { expect, it } from 'vitest'
import { type BuiltinName, builtinTemplate } from '../../src/chat/builtin.ts'
import { evaluateTemplate } from '../../src/chat/jinja/evaluate.ts'
import { parseTemplate } from '../../src/chat/jinja/syntax.ts'
import { fromJson } from '../../src/chat/jinja/values.ts'
import { ChatTemplate, type Message, type Segment } from '../../src/chat/template.ts'
import { TemplateError } from '../../src/errors.ts'
import { describeOracle, oracleJson } from '../support/oracle.ts'

interface ModelCase {
  readonly name: string
  readonly chat_template: string
  readonly data: { messages: Message[]; tools?: unknown[]; [name: string]: unknown }
  readonly target: string
}

interface SmallCase {
  readonly name: string
  readonly template: string
  /** Null where it holds functions. */
  readonly context: Record<string, unknown> | null
  /** By a library that prints lists and truth values as JavaScript does. */
  readonly expected: string
  /** By Jinja2, where it differs. */
  readonly python_jinja2_output?: string
  readonly python_jinja2_error?: string
}

interface LlamaCase {
  readonly name: string
  readonly template_str: string
  /** By llama.cpp's own formatting. */
  readonly expected_output: string
  /** By its Jinja, where it differs. */
  readonly expected_output_jinja: string
  readonly bos_token?: string
  readonly eos_token?: string
  readonly python_jinja2_match: boolean
}

const written = (segments: readonly Segment[]) => segments.map(({ text }) => text).join('')

function casesOf<T>(file: string): T[] {
  return oracleJson<{ cases: T[] }>('templates', file).cases
}

describeOracle('chat templates', () => {
  it('of models', () => {
    /** The template prints a list of tools; the answer has it as JavaScript prints it, Jinja2 as Python does. */
    const printsList = 'MadeAgents/Hammer2.1'
    const withoutQuotes = (text: string) => text.replaceAll(/[\\"']/g, '')
    const cases = casesOf<ModelCase>('hfjs_chat_templates.json')
    expect(cases.length).toBeGreaterThan(50)
    for (const { name, chat_template, data, target } of cases) {
      const { messages, tools, ...variables } = data
      const options = {
        tools,
        // Where a case says nothing, the template is to find nothing.
        variables: { add_generation_prompt: undefined, ...variables },
        now: new Date(2025, 6, 10, 12),
      }
      const rendered = written(new ChatTemplate(chat_template).render(messages, options))
      const read = name === printsList ? withoutQuotes : (text: string) => text
      expect(read(rendered), name).toBe(read(target))
    }
  })

  it('small ones', () => {
    const cases = casesOf<SmallCase>('hfjs_jinja_units.json').filter(({ context }) => context !== null)
    expect(cases.length).toBeGreaterThan(150)
    for (const { name, template, context, expected, python_jinja2_output, python_jinja2_error } of cases) {
      const given = Object.entries(context!).map(
        ([key, value]) => [key, fromJson(value, () => true)] as const,
      )
      const render = () => evaluateTemplate(parseTemplate(template), Object.fromEntries(given)).value
      // What Jinja2 refuses, torchless refuses too, or reads as the library does.
      if (python_jinja2_error) expect([expected, TemplateError], name).toContain(resultOf(render))
      else expect(render(), name).toBe(python_jinja2_output ?? expected)
    }
  })

  it('of llama.cpp', () => {
    const { messages } = oracleJson<{ messages: Message[] }>('templates', 'llamacpp_chat_templates.json')
    // Where Jinja2 differs, llama.cpp prints what the template refuses or leaves out.
    const cases = casesOf<LlamaCase>('llamacpp_chat_templates.json').filter(one => one.python_jinja2_match)
    expect(cases.length).toBeGreaterThan(20)
    for (const { name, template_str, expected_output, expected_output_jinja, ...tokens } of cases) {
      const { bos_token = '', eos_token = '' } = tokens
      const template = new ChatTemplate(template_str, { bos_token, eos_token })
      expect(written(template.render(messages)), name).toBe(expected_output_jinja || expected_output)
    }
  })

  // BOS, which the tokenizer adds, stands in none of these answers.
  const builtin: readonly (readonly [BuiltinName, string, 'own' | 'jinja'])[] = [
    ['chatml', 'teknium/OpenHermes-2.5-Mistral-7B', 'own'],
    ['gemma', 'google/gemma-7b-it', 'own'],
    ['openchat', 'openchat/openchat-3.5-0106', 'jinja'],
    ['deepseek-coder', 'deepseek-ai/deepseek-coder-33b-instruct', 'own'],
    ['vicuna', 'eachadea/vicuna-13b-1.1', 'own'],
    ['command-r', 'CohereForAI/c4ai-command-r-plus', 'own'],
    ['llama3', 'Llama-3', 'own'],
    ['phi3', 'Phi-3-mini', 'own'],
    ['phi3', 'Phi-3-medium', 'own'],
    ['glm4', 'ChatGLM4', 'own'],
    ['minicpm', 'MiniCPM-3B-OpenHermes-2.5-v2-GGUF', 'own'],
    ['deepseek-v1', 'DeepSeek-V2', 'own'],
    ['deepseek-v2', 'DeepSeek-V2', 'own'],
    ['granite', 'ibm-granite/granite-3.0-8b-instruct', 'jinja'],
    [
      'mistral-v1',
      "mistralai/Mistral-7B-Instruct-v0.2 (mistralai 'v1' template with a system prompt)",
      'own',
    ],
    ['mistral-v3', 'Mistral-Large-Instruct-2407', 'own'],
    ['mistral-v3-tekken', 'Mistral-Nemo-Instruct-2407', 'own'],
    ['mistral-v7', 'mistralai/Mistral-Large-Instruct-2411', 'own'],
    ['megrez', 'Infinigence/Megrez-3B-Instruct', 'own'],
    ['phi4', 'phi-4', 'own'],
  ]

  it('built-in ones are those of llama.cpp', () => {
    const { messages } = oracleJson<{ messages: Message[] }>('templates', 'llamacpp_chat_templates.json')
    const cases = casesOf<LlamaCase>('llamacpp_chat_templates.json')
    for (const [name, model, by] of builtin) {
      const one = cases.find(found => found.name.startsWith(model))!
      const expected = by === 'own' ? one.expected_output : one.expected_output_jinja
      expect(written(new ChatTemplate(builtinTemplate(name)).render(messages)), name).toBe(expected)
    }
  })
})

/** What it returns, or the class of the error that it throws. */
function resultOf(run: () => string): unknown {
  try {
    return run()
  } catch (error) {
    return (error as Error).constructor
  }
}
