// A chat template: how a model wants a conversation to be written. Its text is Jinja, as HuggingFace's transformers
// runs it (https://huggingface.co/docs/transformers/chat_templating).
import { evaluateTemplate } from './jinja/evaluate.ts'
import { strftime } from './jinja/strftime.ts'
import { type Block, parseTemplate } from './jinja/syntax.ts'
import { Text } from './jinja/text.ts'
import { Callable, fromJson, print, type Value } from './jinja/values.ts'

/** A part of a message's content: a text, or what a template marks the place of (an image). */
export interface ContentPart {
  readonly type: string
  readonly text?: string
  readonly [key: string]: unknown
}

export interface Message {
  /** `system`, `user`, `assistant`, `tool`, ... */
  readonly role: string
  readonly content?: string | null | readonly ContentPart[]
  /** What templates may look for besides: `tool_calls`, `name`, `reasoning_content`, ... */
  readonly [key: string]: unknown
}

export interface RenderOptions {
  /** End with the beginning of the assistant's answer. Default true. */
  readonly addGenerationPrompt?: boolean | undefined
  /** Tools that the model may call, as JSON schemas. */
  readonly tools?: readonly unknown[] | undefined
  /** Whether the model is to think first, for templates that ask. */
  readonly enableThinking?: boolean | undefined
  /** Further variables, by the template's own names; they win over all others. */
  readonly variables?: Readonly<Record<string, unknown>> | undefined
  /** What `strftime_now` tells. Default: now. */
  readonly now?: Date | undefined
}

/** A part of a prompt. Special tokens may be read in it only if it is the template's own (`special`). */
export interface Segment {
  readonly text: string
  readonly special: boolean
}

export class ChatTemplate {
  readonly #block: Block
  readonly #specialTokens: Readonly<Record<string, string>>

  /**
   * `specialTokens` are texts by the names that templates know them by: `bos_token`, `eos_token`. Throws
   * TemplateError where the source is no template.
   */
  constructor(source: string, specialTokens: Readonly<Record<string, string>> = {}) {
    this.#block = parseTemplate(source)
    this.#specialTokens = specialTokens
  }

  /**
   * The prompt in parts, neighbours differing in `special`; their texts together are what transformers renders.
   * Throws TemplateError with the template's own message where it refuses the messages, and where it does not come
   * to an end.
   */
  render(messages: readonly Message[], options: RenderOptions = {}): Segment[] {
    const { addGenerationPrompt = true, tools, enableThinking, variables = {}, now } = options
    const given = {
      messages,
      add_generation_prompt: addGenerationPrompt,
      // As transformers has it: there, and None.
      tools: tools ?? null,
      documents: null,
      ...(enableThinking !== undefined && { enable_thinking: enableThinking }),
      ...variables,
    }
    const values: Record<string, Value> = { strftime_now: strftimeNow(now) }
    for (const [name, text] of Object.entries(this.#specialTokens)) values[name] = new Text(text)
    for (const [name, value] of Object.entries(given))
      if (value !== undefined) values[name] = fromJson(value, isOwn)
    return segments(evaluateTemplate(this.#block, values))
  }
}

/** Templates write `<|` and `|>` around roles: a role that is one plain word may be a part of a special token. */
function isOwn(text: string, key: string): boolean {
  return key === 'role' && /^\w+$/.test(text)
}

function strftimeNow(now: Date | undefined): Callable {
  return new Callable('strftime_now', ({ positional }, meter) => {
    return new Text(strftime(now ?? new Date(), print(positional[0] ?? null, meter).value))
  })
}

function segments({ value, foreign }: Text): Segment[] {
  const found: Segment[] = []
  let done = 0
  const add = (end: number, special: boolean) => {
    if (end > done) found.push({ text: value.slice(done, end), special })
    done = end
  }
  for (let i = 0; i < foreign.length; i += 2) {
    add(foreign[i]!, true)
    add(foreign[i + 1]!, false)
  }
  add(value.length, true)
  return found
}
