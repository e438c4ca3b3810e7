// The Jinja that templates are written in means what it means in Python. Expected texts: Jinja2 3.1.6, set up as
// transformers does it.
import { describe, expect, test } from 'vitest'
import { evaluateTemplate } from '../../src/chat/jinja/evaluate.ts'
import { strftime } from '../../src/chat/jinja/strftime.ts'
import { parseTemplate } from '../../src/chat/jinja/syntax.ts'
import { fromJson } from '../../src/chat/jinja/values.ts'
import { TemplateError } from '../../src/errors.ts'

const variables = {
  n: 7,
  d: { b: 1, items: 'own', nothing: null },
  users: [
    { name: 'x', age: 2 },
    { name: 'Y', age: 1 },
  ],
}

function render(template: string): string {
  const given = Object.entries(variables).map(([name, value]) => [name, fromJson(value, () => true)] as const)
  return evaluateTemplate(parseTemplate(template), Object.fromEntries(given)).value
}

test.each([
  // Printing.
  [
    '{{ true }} {{ none }} {{ nope }} {{ 1.0 }} {{ 6 / 3 }} {{ 10 ** 20 }}',
    'True None  1.0 2.0 100000000000000000000',
  ],
  [`{{ ["it's", 'a', none, (1, 2)] }} {{ {'a': [true]} }}`, `["it's", 'a', None, (1, 2)] {'a': [True]}`],
  ['{{ 0.00001 }} {{ 123456789012345680.0 }} {{ -0.0 }}', '1e-05 1.2345678901234568e+17 -0.0'],
  // Numbers.
  [
    '{{ -3 // 2 }} {{ -3 % 2 }} {{ 2 ** -1 }} {{ true + 1 }} {{ 2.5 | round }} {{ 7 | round }}',
    '-2 1 0.5 2 2.0 7',
  ],
  // Texts.
  ["[{{ '\\n a\\n'.strip('\\n') }}]", '[ a]'],
  [
    "{{ 'xxabxx'.lstrip('x') }} {{ 'xxabxx'.rstrip('x') }} {{ 'a b  c'.split(none, 1) }}",
    "abxx xxab ['a', 'b  c']",
  ],
  ["{{ 'a,b,,c'.split(',') }} {{ 'a.b.c'.rsplit('.', 1) }}", "['a', 'b', '', 'c'] ['a.b', 'c']"],
  ["{{ 'abc'.replace('', '-') }} {{ 'aaa'.replace('a', 'b', 2) }}", '-a-b-c- bba'],
  ['{{ "they\'re" | title }} {{ "they\'re".title() }}', "They're They'Re"],
  ["{{ '😀a'[1] }} {{ '😀a' | length }} {{ 'abcd'[::-2] }} {{ 'abc'[-2:] }}", 'a 2 db bc'],
  ["{{ '%s is %05.1f%%' % ('a', 2.5) }} {{ '{} {x:>3}|'.format(1, x=2) }}", 'a is 002.5% 1   2|'],
  ["{{ 'a\\nb\\n\\nc' | indent(2) }}", 'a\n  b\n\n  c'],
  // Dicts: an attribute is a method first, an item is a value first.
  [
    "{{ d['items'] }} {{ d.items() | list | length }} {{ d.nothing }} {{ d.get('nothing', 5) }}",
    'own 3 None None',
  ],
  ['{{ d | tojson }}', '{"b": 1, "items": "own", "nothing": null}'],
  [`{{ ['é"', [], {}] | tojson(indent=2) }}`, '[\n  "é\\"",\n  [],\n  {}\n]'],
  ["{{ 'é' | tojson(ensure_ascii=true) }} {{ [1, 2] | tojson(separators=(',', ':')) }}", '"\\u00e9" [1,2]'],
  // Lists.
  ["{{ users | sort(attribute='age') | map(attribute='name') | join(',') }}", 'Y,x'],
  ["{{ users | selectattr('name', 'eq', 'x') | list }}", "[{'name': 'x', 'age': 2}]"],
  ["{{ ['b', 'A', 'c'] | sort }} {{ ['a', 'A'] | unique | list }}", "['A', 'b', 'c'] ['a']"],
  ['{{ [none, 1] | first }} {{ [] | first }}', 'None '],
  // Tests with arguments, which may go without parentheses.
  [
    '{{ 6 is divisibleby 3 }} {{ 6 is not divisibleby(4) }} {{ n is in [7] }} {{ n is eq d.b }}',
    'True True True False',
  ],
  // Undefined and None.
  ['{{ nope | default("a") }} {{ none | default("a") }} {{ none | default("a", true) }}', 'a None a'],
  ['{% for x in nope %}x{% else %}none{% endfor %}', 'none'],
  // Loops, scopes, macros.
  [
    '{% for i in range(5) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}',
    '02',
  ],
  ['{% for i in [1] %}a{% continue %}b{% endfor %}', 'a'],
  ['{% set x = 1 %}{% for i in [1, 2] %}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}', '231'],
  ['{% set ns = namespace(x=0) %}{% for i in [1, 2] %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}', '3'],
  [
    '{% for i in [3, 4] if i > 3 %}{{ loop.index }}{{ loop.last }}{{ loop.cycle("a", "b") }}{% endfor %}',
    '1Truea',
  ],
  ['{% macro f(a, b=2) %}[{{ a }}{{ b }}]{% endmacro %}{{ f(1) }}{{ f(b=none, a=4) }}', '[12][4None]'],
  ['{% macro f() %}<{{ caller(5) }}>{% endmacro %}{% call(y) f() %}in {{ y }}{% endcall %}', '<in 5>'],
  ['{% set g = 5 %}{% macro f() %}{{ g }}{% endmacro %}{% for g in [9] %}{{ f() }}{% endfor %}', '5'],
  ['{% set y | upper | replace("B", "c") %}ab{% endset %}{{ y }}', 'Ac'],
  // White space round blocks.
  ['  {% if true %}\n  a\n  {% endif %}\n b\r\nc\n', '  a\n b\nc'],
  ['a {%- generation -%} b {%- endgeneration %} c', 'ab c'],
])('%s', (template, expected) => {
  expect(render(template)).toBe(expected)
})

describe('a template that cannot be rendered says why', () => {
  test.each([
    ["{{ raise_exception('Roles must alternate') }}", /^Roles must alternate$/],
    ['{{ nope.x }}', /'nope' is undefined/],
    ['{{ d.b.c.d }}', /'int' has no attribute 'c'/],
    ["{{ 'a' + 1 }}", /no operation \+ of 'str' and 'int'/],
    ['{{ 1 | nofilter }}', /no filter named 'nofilter'/],
    ['{{ 1 is notest }}', /no test named 'notest'/],
    ['{{ 1 // 0 }}', /division by zero/],
    ['{% set d.b = 1 %}', /non-namespace/],
    ['{{ nope | tojson }}', /'undefined' has no JSON/],
    ['{% if true %}', /ends in the middle/],
    ['{{ 1 +', /ends in the middle/],
    ['{% nonsense %}', /nonsense/],
    ["{{ 'abc", /end of input/],
    [`{{ ${'('.repeat(100_000)} }}`, /nested too deeply/],
    ['{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}', /nested too deeply/],
    [' '.repeat(100_000), /gaps below/],
    ['x'.repeat(2 ** 20 + 1), /at most 1048576 characters/],
  ])('%.40s', (template, message) => {
    expect(() => render(template)).toThrow(TemplateError)
    expect(() => render(template)).toThrow(message)
  })
})

describe('a hostile template comes to an end', () => {
  const loop = (body: string) => `{% for i in range(99999) %}${body}{% endfor %}`
  test.each([
    ['loops in loops', loop(loop(loop('x')))],
    ['a range without end', '{{ range(10 ** 9) }}'],
    ['a text that doubles', `{% set ns = namespace(x='ab') %}${loop('{% set ns.x = ns.x ~ ns.x %}')}`],
    ['a list that doubles', `{% set ns = namespace(x=[1]) %}${loop('{% set ns.x = ns.x + ns.x %}')}`],
    [
      'values that share themselves',
      `{% set ns = namespace(x=[]) %}${loop('{% set ns.x = [ns.x, ns.x] %}')}{{ ns.x }}`,
    ],
    ['a value that holds itself', '{% set ns = namespace() %}{% set ns.x = [ns] %}{{ ns }}'],
    ['a long repetition', "{{ 'x' * 10 ** 9 }}"],
    ['a wide field', "{{ '%999999999d' % 1 }}"],
    ['a deep indent', "{{ 'a\nb' | indent(999999999) }}"],
    ['long texts compared', `{% set x = 'x' * 9999999 %}${loop("{{ x ~ 'a' == x ~ 'b' }}")}`],
  ])('%s', (_, template) => {
    expect(() => render(template)).toThrow(TemplateError)
  })
})

test('dates as Python writes them', () => {
  const date = new Date(2025, 6, 4, 15, 5, 9)
  expect(strftime(date, '%d %b %Y|%A %B %-d|%y-%m|%H:%M:%S|%I %p|%j|%%|%Q')).toBe(
    '04 Jul 2025|Friday July 4|25-07|15:05:09|03 PM|185|%|%Q',
  )
})
