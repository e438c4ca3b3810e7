// Traces of thinking told from answers, wherever the stream is cut.
import { describe, expect, test } from 'vitest'
import { ChatTemplate } from '../../src/chat/template.ts'
import {
  closingText,
  endsInThinking,
  findThinkingMarkers,
  type ThinkingMarkers,
  ThinkingSplitter,
} from '../../src/chat/thinking.ts'

const think: ThinkingMarkers = { open: '<think>', close: '</think>' }
const brackets: ThinkingMarkers = { open: '[THINK]', close: '[/THINK]', closing: '[/THINK]' }

const channels = findThinkingMarkers('<|start|>assistant<|channel|>analysis<|message|>', () => false)!

interface Case {
  readonly name: string
  readonly input: string
  readonly thinking: string
  readonly text: string
  readonly markers?: ThinkingMarkers | null
  /** The prompt has opened the trace. */
  readonly open?: true
}

const cases: readonly Case[] = [
  { name: 'nothing', input: '', thinking: '', text: '' },
  { name: 'an answer alone', input: 'Hello.', thinking: '', text: 'Hello.' },
  { name: 'an answer with space around it', input: '\n Hello. \n', thinking: '', text: '\n Hello. \n' },
  { name: 'space alone', input: ' \n', thinking: '', text: ' \n' },
  { name: 'a trace and an answer', input: '<think>hm</think>Yes', thinking: 'hm', text: 'Yes' },
  { name: 'lines around both', input: '<think>\nhm\n</think>\n\nYes\n', thinking: 'hm', text: 'Yes\n' },
  { name: 'space before the trace', input: ' \n<think>hm</think>Yes', thinking: 'hm', text: 'Yes' },
  { name: 'an empty trace', input: '<think></think>Yes', thinking: '', text: 'Yes' },
  { name: 'a trace of space', input: '<think>\n\n</think>\n\nYes', thinking: '', text: 'Yes' },
  { name: 'a trace without an end', input: '<think>hm, or', thinking: 'hm, or', text: '' },
  { name: 'a trace that ends in space', input: '<think>hm \n', thinking: 'hm', text: '' },
  { name: 'a trace that ends within the mark', input: '<think>hm</thi', thinking: 'hm</thi', text: '' },
  { name: 'a mark alone', input: '<think>', thinking: '', text: '' },
  { name: 'both marks alone', input: '<think></think>', thinking: '', text: '' },
  { name: 'half a mark at the beginning', input: '<thi', thinking: '', text: '<thi' },
  { name: 'what only looks like a mark', input: '<thin>ice', thinking: '', text: '<thin>ice' },
  { name: 'space and half a mark', input: '\n<th', thinking: '', text: '\n<th' },
  { name: 'a mark later is a word', input: 'Write <think> first', thinking: '', text: 'Write <think> first' },
  { name: 'an end without a beginning is a word', input: 'So</think>', thinking: '', text: 'So</think>' },
  {
    name: 'a second trace is text',
    input: '<think>a</think>b<think>c</think>',
    thinking: 'a',
    text: 'b<think>c</think>',
  },
  { name: 'a mark within a trace', input: '<think>a<think>b</think>c', thinking: 'a<think>b', text: 'c' },
  { name: 'a second end is text', input: '<think>a</think>b</think>', thinking: 'a', text: 'b</think>' },
  { name: 'half an end within a trace', input: '<think>a</thx</think>b', thinking: 'a</thx', text: 'b' },
  { name: 'ends within ends', input: '<think>a<</</think>b', thinking: 'a<</', text: 'b' },
  {
    name: 'lines and indents of a trace',
    input: '<think>a\n\n  b\nc </think>d',
    thinking: 'a\n\n  b\nc',
    text: 'd',
  },
  {
    name: 'letters of several bytes',
    input: '<think>größer 🙂</think>né 日本',
    thinking: 'größer 🙂',
    text: 'né 日本',
  },
  { name: 'an open trace', input: 'hm</think>Yes', thinking: 'hm', text: 'Yes', open: true },
  {
    name: 'an open trace with lines',
    input: '\nhm\n</think>\n\nYes',
    thinking: 'hm',
    text: 'Yes',
    open: true,
  },
  { name: 'an open trace without an end', input: 'hm', thinking: 'hm', text: '', open: true },
  {
    name: 'an open trace that is closed at once',
    input: '</think>Yes',
    thinking: '',
    text: 'Yes',
    open: true,
  },
  {
    name: 'an open trace, opened again',
    input: '<think>hm</think>Yes',
    thinking: '<think>hm',
    text: 'Yes',
    open: true,
  },
  { name: 'other marks', input: '[THINK]hm[/THINK]Yes', thinking: 'hm', text: 'Yes', markers: brackets },
  {
    name: 'marks of another model',
    input: '<think>hm</think>Yes',
    thinking: '',
    text: '<think>hm</think>Yes',
    markers: brackets,
  },
  {
    name: 'channels',
    input: '<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Yes',
    thinking: 'hm',
    text: 'Yes',
    markers: channels,
  },
  {
    name: 'a channel of an answer alone',
    input: '<|channel|>final<|message|>Yes',
    thinking: '',
    text: 'Yes',
    markers: channels,
  },
  {
    name: 'a channel that is none of both',
    input: '<|channel|>fin<|message|>Yes',
    thinking: '',
    text: '<|channel|>fin<|message|>Yes',
    markers: channels,
  },
  {
    name: 'a model that does not think',
    input: '<think>a</think>b',
    thinking: '',
    text: '<think>a</think>b',
    markers: null,
  },
]

function split({ markers = think, open }: Case, pieces: readonly string[]) {
  const splitter = new ThinkingSplitter(markers ?? undefined, open)
  const out = [...pieces.flatMap(piece => splitter.push(piece)), ...splitter.flush()]
  const of = (kind: string) => out.map(piece => (piece as Record<string, string>)[kind] ?? '').join('')
  return { thinking: of('thinking'), text: of('text') }
}

describe.each(cases)('$name', one => {
  const expected = { thinking: one.thinking, text: one.text }
  const letters = [...one.input]

  test('whole', () => expect(split(one, [one.input])).toEqual(expected))

  test('letter by letter', () => expect(split(one, letters)).toEqual(expected))

  test('cut in two anywhere', () => {
    for (let i = 0; i <= letters.length; i++)
      expect(split(one, [letters.slice(0, i).join(''), letters.slice(i).join('')]), `at ${i}`).toEqual(
        expected,
      )
  })
})

describe('what closes a trace', () => {
  const closing = (template: string, markers = think) => {
    const compiled = new ChatTemplate(template, {})
    return closingText(markers, messages =>
      compiled
        .render(messages, {})
        .map(({ text }) => text)
        .join(''),
    )
  }
  const ofMessages = (answer: string) => `{% for m in messages %}{{ m.role }}: ${answer}<end>{% endfor %}`

  test.each([
    [
      "{{ m.reasoning_content ~ '\\n</think>\\n\\n' if m.reasoning_content }}{{ m.content }}",
      '\n</think>\n\n',
    ],
    ['<think>{{ m.reasoning_content | trim }}</think>{{ m.content }}', '</think>'],
    ['<think>\n{{ m.reasoning_content }} </think>\n{{ m.content }}', ' </think>\n'],
    // Nothing to be learned from these.
    ['{{ m.content }}', '\n</think>\n\n'],
    ['{{ m.reasoning_content }}|{{ m.content }}', '\n</think>\n\n'],
    ['{{ m.content }}</think>{{ m.reasoning_content }}', '\n</think>\n\n'],
    ["{{ raise_exception('no') }}", '\n</think>\n\n'],
  ])('%s', (answer, expected) => expect(closing(ofMessages(answer))).toBe(expected))

  test('is the mark alone where models write it so', () => {
    expect(closing('', brackets)).toBe('[/THINK]')
    expect(closing('', channels)).toBe(channels.close)
  })
})

test('nothing is held back longer than need be', () => {
  const splitter = new ThinkingSplitter(think)
  expect(splitter.push('<think>a')).toEqual([{ thinking: 'a' }])
  expect(splitter.thinking).toBe(true)
  expect(splitter.push(' b')).toEqual([{ thinking: ' b' }])
  expect(splitter.push('</think>c')).toEqual([{ text: 'c' }])
  expect(splitter.thinking).toBe(false)
  expect(splitter.push(' d')).toEqual([{ text: ' d' }])
})

test('much space takes no long time', () => {
  const splitter = new ThinkingSplitter(think)
  splitter.push('<think>a')
  let pieces = 0
  for (let i = 0; i < 300_000; i++) pieces += splitter.push('\n').length
  expect(pieces).toBe(0)
  expect(splitter.push('b')).toEqual([{ thinking: `${'\n'.repeat(300_000)}b` }])
})

describe('marks of a model', () => {
  const none = () => false
  test.each([
    ["{{ content.split('</think>')[-1] }}", think],
    ['[SYSTEM_PROMPT]...[THINK]Here[/THINK]', brackets],
    ['{{ messages }}', undefined],
  ])('by its template: %s', (template, expected) => {
    expect(findThinkingMarkers(template, none)).toEqual(expected)
  })

  test('by its vocabulary, if both are there', () => {
    expect(findThinkingMarkers('', text => ['[THINK]', '[/THINK]'].includes(text))).toEqual(brackets)
    expect(findThinkingMarkers('', text => text === '<think>')).toBeUndefined()
  })

  test('a prompt that opens a trace', () => {
    expect(endsInThinking('<|im_start|>assistant\n<think>\n', think)).toBe(true)
    expect(endsInThinking('<|im_start|>assistant\n<think>\n\n</think>\n\n', think)).toBe(false)
  })
})
