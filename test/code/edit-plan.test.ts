import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readEditBlocks } from '../../src/code/edit-block.ts'
import { type FilePlan, planBlocks, planWhole } from '../../src/code/edit-plan.ts'

const block = (search: string, replace: string) =>
  `f\n<<<<<<< SEARCH\n${search}=======\n${replace}>>>>>>> REPLACE`
const plan = (text: string | undefined, ...blocks: [search: string, replace: string][]): FilePlan =>
  planBlocks(
    text === undefined ? { kind: 'missing' } : { kind: 'text', text },
    blocks.flatMap(([search, replace]) => readEditBlocks(block(search, replace), ['f']).edits),
  )
const result = (made: FilePlan) => made.change?.after
const reasons = (made: FilePlan) => made.rejected.map(({ reason }) => reason)

const code = 'function a() {\n  if (x) {\n    return 1\n  }\n  return 2\n}\n'

/** What is searched and put there, how it is found, and what becomes of the file. */
const found: [name: string, text: string, search: string, replace: string, how: string, expected: string][] =
  [
    ['exactly', code, '  return 2\n', '  return 3\n', 'exact', code.replace('2', '3')],
    ['several lines', code, '  }\n  return 2\n', '  }\n', 'exact', code.replace('  return 2\n', '')],
    ['more lines', 'a\nb\n', 'a\n', 'a\nx\ny\n', 'exact', 'a\nx\ny\nb\n'],
    ['the first line', 'a\nb\n', 'a\n', 'x\n', 'exact', 'x\nb\n'],
    ['the last line', 'a\nb\n', 'b\n', 'x\n', 'exact', 'a\nx\n'],
    ['the last line without its end', 'a\nb', 'b\n', 'x\n', 'exact', 'a\nx'],
    ['lines behind the last one', 'a\nb', 'b\n', 'b\nc\n', 'exact', 'a\nb\nc'],
    ['carriage returns', 'a\r\nb\r\n', 'a\n', 'x\ny\n', 'exact', 'x\r\ny\r\nb\r\n'],
    ['mixed endings', 'a\r\nb\nc\r\n', 'b\n', 'x\n', 'exact', 'a\r\nx\nc\r\n'],
    ['old carriage returns', 'a\rb\rc\r', 'b\n', 'x\ny\n', 'exact', 'a\rx\ry\rc\r'],
    ['a byte order mark', '\ufeffa\nb\n', 'a\n', 'x\n', 'exact', '\ufeffx\nb\n'],
    ['signs of replacement', 'a\n', 'a\n', '$& $1 $$\n', 'exact', '$& $1 $$\n'],
    ['space at ends, in the file', 'a  \nb\n', 'a\nb\n', 'x\n', 'but for space at line ends', 'x\n'],
    ['space at ends, in the block', 'a\nb\n', 'a \nb\t\n', 'x\n', 'but for space at line ends', 'x\n'],
    ['too far left', code, 'return 2\n', 'return 3\n', 'indent-shifted +2', code.replace('2', '3')],
    [
      'too far left, nested',
      code,
      'if (x) {\n  return 1\n}\n',
      'if (y) {\n  return 1\n}\n',
      'indent-shifted +2',
      code.replace('x', 'y'),
    ],
    ['too far right', 'a\n  b\n', '    a\n      b\n', '    x\n      y\n', 'indent-shifted -4', 'x\n  y\n'],
    ['tabs', '\ta\n\t\tb\n', 'a\n\tb\n', 'x\n', 'indent-shifted +1', '\tx\n'],
    [
      'empty lines in what is shifted',
      '  a\n\n  b\n',
      'a\n\nb\n',
      'x\n\ny\n',
      'indent-shifted +2',
      '  x\n\n  y\n',
    ],
    ['quotation marks', "say 'it'\n", 'say ‘it’\n', "say 'x'\n", 'but for Unicode punctuation', "say 'x'\n"],
    ['dashes', 'a - b\n', 'a – b\n', 'x\n', 'but for Unicode punctuation', 'x\n'],
    ['spaces that do not break', 'a b\n', 'a\u00a0b\n', 'x\n', 'but for Unicode punctuation', 'x\n'],
    ['fences around', 'a\nb\n', '```\na\n```\n', '```\nx\n```\n', 'exact', 'x\nb\n'],
    [
      'what is left out',
      code,
      'function a() {\n...\n}\n',
      'function b() {\n...\n}\n',
      'around left out lines',
      code.replace('a()', 'b()'),
    ],
    [
      'what a comment leaves out',
      code,
      'function a() {\n  // ...\n}\n',
      'function b() {\n  // ...\n}\n',
      'around left out lines',
      code.replace('a()', 'b()'),
    ],
    ['an empty line too many', 'a\nb\n', '\na\n\n', '\nx\n\n', 'exact', 'x\nb\n'],
    [
      'space at ends of lines that stay',
      'a  \nb\nc\t\n',
      'a\nb\nc\n',
      'a\nx\nc\n',
      'but for space at line ends',
      'a  \nx\nc\t\n',
    ],
    [
      'punctuation of lines that stay',
      '“a” – b\nold\n',
      '"a" - b\nold\n',
      '"a" - b\nnew\n',
      'but for Unicode punctuation',
      '“a” – b\nnew\n',
    ],
    [
      'lines that stay, further to the right',
      '    a \n    b\n',
      'a\nb\n',
      'a\nif (x) {\n  b\n}\n',
      'indent-shifted +4',
      '    a \n    if (x) {\n      b\n    }\n',
    ],
    ['the last line of a file without its end', 'a\nb', 'a\nb\n', 'a\n', 'exact', 'a'],
    ['endings around a line that goes', 'a\r\nb\nc\r\n', 'a\nb\nc\n', 'a\nc\n', 'exact', 'a\r\nc\r\n'],
    [
      'a comment with dots that is in the file',
      'a\n// ...\nb\n',
      '// ...\nb\n',
      '// ...\nx\n',
      'exact',
      'a\n// ...\nx\n',
    ],
    [
      'dots that are code',
      'def f(): pass\n',
      'def f(): pass\n',
      'def f():\n    ...\n',
      'exact',
      'def f():\n    ...\n',
    ],
    ['dots that are in the file', 'a\n...\nb\n', '...\n', 'x\n', 'exact', 'a\nx\nb\n'],
    ['an empty file', '', '', 'x\n', 'empty file', 'x\n'],
  ]

describe('what is found', () => {
  test.each(found)('%s', (_, text, search, replace, how, expected) => {
    const made = plan(text, [search, replace])
    expect(reasons(made)).toEqual([])
    expect(made.change).toMatchObject({ before: text, after: expected, notes: [how] })
  })
  test('a file that is still to be made', () => {
    expect(plan(undefined, ['', 'x\ny\n']).change).toEqual({
      path: 'f',
      before: undefined,
      after: 'x\ny\n',
      notes: ['new file'],
    })
  })
  test('a file that is to go', () => {
    expect(plan('a\nb\n', ['a\nb\n', '']).change).toMatchObject({
      after: undefined,
      notes: ['deletes the file'],
    })
    expect(result(plan('a\nb\n', ['a\n', '']))).toBe('b\n')
  })
  test('blocks see what those before them made', () => {
    expect(result(plan('a\nb\n', ['a\n', 'x\n'], ['x\nb\n', 'y\n']))).toBe('y\n')
  })
})

describe('what is not', () => {
  test.each<[string, string | undefined, string, string, string]>([
    [
      'lines that stand there twice',
      'a\nb\na\n',
      'a\n',
      'x\n',
      'the lines stand there 2 times, in lines 1, 3; more lines around them tell which is meant',
    ],
    [
      'twice but for their ends',
      'a \nb\na  \n',
      'a\n',
      'x\n',
      'the lines stand there 2 times, in lines 1, 3; more lines around them tell which is meant',
    ],
    [
      'twice but for their beginnings',
      '  a\n b\n    a\n',
      'a\n',
      'x\n',
      'the lines stand there 2 times, in lines 1, 3; more lines around them tell which is meant',
    ],
    [
      'lines that are not there',
      code,
      'nothing of the kind\n',
      'x\n',
      'the lines to search are not in the file',
    ],
    ['lines shifted unevenly', '  a\n b\n', 'a\nb\n', 'x\n', 'the lines to search are not in the file'],
    [
      'left out lines that end nowhere',
      code,
      'function a() {\n...\nnowhere\n',
      'x\n...\ny\n',
      'the lines to search are not in the file',
    ],
    [
      'left out lines in the wrong order',
      'a\nb\nc\n',
      'c\n...\na\n',
      'x\n...\ny\n',
      'the lines to search are not in the file',
    ],
    [
      'left out lines that come back changed',
      code,
      'function a() {\n...\n}\n',
      'function b() {\n}\n',
      'the lines to search are not in the file',
    ],
    ['what is there already', 'a\nnew\n', 'old\n', 'new\n', 'the new lines stand there already'],
    ['what is the same', 'a\n', 'a\n', 'a\n', 'nothing would change'],
    [
      'a new file where there is one',
      'a\n',
      '',
      'x\n',
      'the file exists; an empty SEARCH part makes a new one and would lose what it holds',
    ],
    [
      'a change where there is none',
      undefined,
      'a\n',
      'x\n',
      'there is no such file; an empty SEARCH part makes a new one',
    ],
    [
      'new lines that leave some out',
      code,
      'function a() {\n',
      'function b() {\n  // ... rest of the function\n',
      'the new lines leave some out (// ... rest of the function); write all of them',
    ],
    [
      'new lines that say so in words',
      'a = 1\n',
      'a = 1\n',
      'a = 2\n# existing code ...\n',
      'the new lines leave some out (# existing code ...); write all of them',
    ],
    [
      'empty lines alone',
      'a\n\n',
      '\n',
      'x\n',
      'the file exists; an empty SEARCH part makes a new one and would lose what it holds',
    ],
  ])('%s', (_, text, search, replace, reason) => {
    const made = plan(text, [search, replace])
    expect(made.change).toBeUndefined()
    expect(reasons(made)).toEqual([reason])
  })
  test('a file of that name elsewhere is told', () => {
    const [edit] = planBlocks(
      { kind: 'missing', likely: ['src/f'] },
      readEditBlocks(block('a\n', 'x\n'), ['f']).edits,
    ).rejected
    expect(edit!.reason).toBe('there is no such file (there is src/f); an empty SEARCH part makes a new one')
  })
  test('more places than are looked at are not one', () => {
    const shifted = `${' a\n'.repeat(1001)}`
    expect(reasons(plan(shifted, ['a\n', 'x\n']))[0]).toContain('the lines stand there 1001 times')
  })
  test('one block that fails leaves all of its file alone', () => {
    const made = plan('a\nb\n', ['a\n', 'x\n'], ['nothing\n', 'y\n'])
    expect(made.change).toBeUndefined()
    expect(reasons(made)).toEqual(['the lines to search are not in the file'])
  })
  test('the nearest lines are shown', () => {
    const [edit] = plan(code, ['  returns 2\n', '  return 3\n']).rejected
    expect(edit!.nearest).toBe('5:   return 2')
  })
  test('large texts that are alike everywhere take no time', () => {
    const lines = 'x\n'.repeat(50_000)
    expect(reasons(plan(lines, [`${'x\n'.repeat(20_000)}y\n`, 'z\n']))).toEqual([
      'the lines to search are not in the file',
    ])
    const spaced = ' x\n'.repeat(50_000)
    expect(reasons(plan(spaced, [`  x\n${'x\n'.repeat(20_000)}`, 'z\n']))).toEqual([
      'the lines to search are not in the file',
    ])
    const missing = ['the lines to search are not in the file']
    const space = ' '.repeat(1_000_000)
    expect(reasons(plan('a\n', [`${space}x\n...${space}x\n`, 'z\n']))).toEqual(missing)
    const fences = '```\n'.repeat(10_000)
    expect(reasons(plan('a\n', [`${fences}x\n${fences}`, 'z\n']))).toEqual(missing)
  })
})

test('files written whole keep their endings, their mark, and how they end', () => {
  const whole = (before: string | undefined, text: string) =>
    planWhole(before === undefined ? { kind: 'missing' } : { kind: 'text', text: before }, {
      path: 'f',
      text,
      line: 1,
    }).change?.after
  expect(whole(undefined, 'a\n')).toBe('a\n')
  expect(whole('\ufeffa\r\nb\r\n', 'a\nc\nd\n')).toBe('\ufeffa\r\nc\r\nd\r\n')
  expect(whole('a\nb', 'a\nc\n')).toBe('a\nc')
  expect(whole('a\n', 'a\n')).toBeUndefined()
  expect(whole('a\r\nb\nc\r\n', 'a\nx\nb\nc\n')).toBe('a\r\nx\r\nb\nc\r\n')
})

test('a file written whole leaves nothing out', () => {
  const file = { path: 'f', text: 'a\n// ... existing code ...\nb\n', line: 3 }
  const reason = 'the new lines leave some out (// ... existing code ...); write all of them'
  expect(planWhole({ kind: 'text', text: 'a\nb\n' }, file).rejected).toEqual([{ path: 'f', line: 3, reason }])
  expect(planWhole({ kind: 'text', text: '// ... existing code ...\n' }, file).change?.after).toBe(
    'a\n// ... existing code ...\nb\n',
  )
})

describe('for any text', () => {
  const line = fc.stringMatching(/^[ ab{}]{0,6}$/)
  const ending = fc.constantFrom('\n', '\r\n')
  const text = fc
    .array(fc.tuple(line, ending), { minLength: 1, maxLength: 12 })
    .map(all => all.map(([a, b]) => a + b).join(''))

  test('a block made of lines that stand there once applies, and all others stay as they are, byte by byte', () => {
    fc.assert(
      fc.property(
        text,
        fc.nat(),
        fc.integer({ min: 1, max: 4 }),
        fc.array(line, { maxLength: 3 }),
        (before, at, count, made) => {
          const lines = before.match(/[^\n]*\n/g)!
          const start = at % lines.length
          const taken = lines.slice(start, start + count)
          const bare = (some: readonly string[]) => some.map(one => one.replace(/\r?\n$/, ''))
          const places = lines.filter((_, i) =>
            bare(taken).every((one, k) => bare(lines)[i + k] === one),
          ).length
          fc.pre(
            places === 1 && bare(taken).join('').trim() !== '' && bare(taken).join('\n') !== made.join('\n'),
          )
          fc.pre(made.length > 0 || taken.length < lines.length)
          const changed = result(
            plan(before, [`${bare(taken).join('\n')}\n`, made.map(one => `${one}\n`).join('')]),
          )
          const head = lines.slice(0, start).join('')
          const tail = lines.slice(start + taken.length).join('')
          expect(changed!.startsWith(head)).toBe(true)
          expect(changed!.endsWith(tail)).toBe(true)
          expect(
            bare(changed!.slice(head.length, changed!.length - tail.length).match(/[^\n]*\n/g) ?? []),
          ).toEqual(made)
        },
      ),
      { seed: 9, numRuns: 2000 },
    )
  })

  // Lines with space at their ends and typographic signs, of which a model repeats some in another form.
  const written = fc.tuple(
    fc.constantFrom('', '  ', '\t', '    '),
    fc.stringMatching(/^[a-e"-]{1,4}$/),
    fc.constantFrom('', ' ', '\t'),
  )
  const forms = {
    'space at line ends': (line: string) => `${line.trimEnd()}  `,
    'an indent': (line: string) => (line.trim() === '' ? line : `    ${line}`),
    punctuation: (line: string) => line.replaceAll('"', '”').replaceAll('-', '–'),
  } as const

  test('a block that repeats lines in another form changes only those that it means to', () => {
    let applied = 0
    fc.assert(
      fc.property(
        fc.array(fc.tuple(written, ending), { minLength: 2, maxLength: 10 }),
        fc.constantFrom(...(Object.keys(forms) as (keyof typeof forms)[])),
        fc.nat(),
        fc.integer({ min: 2, max: 5 }),
        fc.nat(),
        (all, form, at, count, which) => {
          const lines = all.map(([[indent, word, space]]) => indent + word + space)
          const endings = all.map(([, ending]) => ending)
          const before = lines.map((line, i) => line + endings[i]).join('')
          const start = at % lines.length
          const own = lines.slice(start, start + count).map(each => each.trim())
          fc.pre(new Set(own).size === own.length)
          fc.pre(lines.filter((_, i) => own.every((each, k) => lines[i + k]?.trim() === each)).length === 1)
          const taken = lines.slice(start, start + count).map(forms[form])
          const changed = which % taken.length
          const made = plan(before, [
            `${taken.join('\n')}\n`,
            `${taken.with(changed, 'new line').join('\n')}\n`,
          ])
          // Not unique, or not found in this form: then nothing changes.
          if (!made.change) return
          applied++
          const after = made.change.after!.match(/[^\n]*\n/g)!
          const old = before.match(/[^\n]*\n/g)!
          expect(after.length).toBe(old.length)
          expect(after.with(start + changed, '')).toEqual(old.with(start + changed, ''))
          expect(after[start + changed]!.trim()).toBe('new line')
          expect(after[start + changed]!.endsWith('\r\n')).toBe(old[start + changed]!.endsWith('\r\n'))
        },
      ),
      { seed: 10, numRuns: 3000 },
    )
    expect(applied).toBeGreaterThan(1000)
  })

  test('whatever a reply says, what it does not change stays', () => {
    const noise = fc.constantFrom('f', '<<<<<<< SEARCH', '=======', '>>>>>>> REPLACE', '```', '...', 'x')
    const lineOf = fc.stringMatching(/^ {0,2}[abcdef{}]{1,3}$/)
    const fileAndReply = fc.array(lineOf, { minLength: 2, maxLength: 8 }).chain(lines => {
      const block = fc
        .tuple(fc.nat(lines.length - 1), fc.integer({ min: 0, max: 4 }), fc.array(lineOf, { maxLength: 3 }))
        .map(([at, count, made]) => {
          const search = lines.slice(at, at + count)
          return ['f', '<<<<<<< SEARCH', ...search, '=======', ...made, '>>>>>>> REPLACE']
        })
      const parts = fc.array(fc.oneof(fc.array(noise, { maxLength: 2 }), block), { maxLength: 4 })
      return parts.map(reply => [lines, reply.flat()] as const)
    })
    let applied = 0
    fc.assert(
      fc.property(fileAndReply, fc.boolean(), ([lines, reply], ended) => {
        const before = lines.join('\r\n') + (ended ? '\r\n' : '')
        fc.pre(before !== '')
        const { edits } = readEditBlocks(reply.join('\n'), ['f'])
        if (edits.length === 0) return
        const { change } = planBlocks({ kind: 'text', text: before }, edits)
        if (change?.after === undefined) return
        applied++
        // Every line of the result was there before or is in the reply, and ends as the file's do.
        const known = new Set([...lines, ...edits.flatMap(({ replace }) => replace)].map(each => each.trim()))
        const after = change.after.split('\r\n')
        for (const each of after) expect(known.has(each.trim()) || each === '').toBe(true)
        expect(change.after.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/)
        if (after.length > 1)
          expect(change.after.endsWith('\r\n')).toBe(before.endsWith('\r\n') || before === '')
      }),
      { seed: 11, numRuns: 4000 },
    )
    expect(applied).toBeGreaterThan(300)
  })
})
