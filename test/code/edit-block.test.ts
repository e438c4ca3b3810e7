import { describe, expect, test } from 'vitest'
import { readEditBlocks, readWholeFiles } from '../../src/code/edit-block.ts'

const body = '<<<<<<< SEARCH\nold\n=======\nnew\n>>>>>>> REPLACE'
const one = (path: string) => [{ path, search: ['old'], replace: ['new'] }]

/** A reply, and the blocks that it holds. */
const replies: [
  name: string,
  reply: string,
  blocks: { path: string; search: string[]; replace: string[] }[],
][] = [
  ['plain', `src/a.ts\n${body}`, one('src/a.ts')],
  ['with a last line feed', `src/a.ts\n${body}\n`, one('src/a.ts')],
  ['with carriage returns', `src/a.ts\n${body}\n`.replaceAll('\n', '\r\n'), one('src/a.ts')],
  ['with prose around', `I will change it.\n\nsrc/a.ts\n${body}\n\nDone.`, one('src/a.ts')],
  ['in a fence', `\`\`\`\nsrc/a.ts\n${body}\n\`\`\``, one('src/a.ts')],
  ['in a fence behind the path', `src/a.ts\n\`\`\`ts\n${body}\n\`\`\``, one('src/a.ts')],
  ['in a fence that names the path', `\`\`\`ts src/a.ts\n${body}\n\`\`\``, one('src/a.ts')],
  ['in a fence that is the path', `\`\`\`src/a.ts\n${body}\n\`\`\``, one('src/a.ts')],
  ['in tildes', `src/a.ts\n~~~\n${body}\n~~~`, one('src/a.ts')],
  ['path in bold', `**src/a.ts**\n${body}`, one('src/a.ts')],
  ['path in backticks', `\`src/a.ts\`\n${body}`, one('src/a.ts')],
  ['path in quotes', `"src/a.ts"\n${body}`, one('src/a.ts')],
  ['path as a heading', `### src/a.ts\n${body}`, one('src/a.ts')],
  ['path with a colon', `src/a.ts:\n${body}`, one('src/a.ts')],
  ['path as bold code with a colon', `**\`src/a.ts\`**:\n${body}`, one('src/a.ts')],
  ['path behind File:', `File: src/a.ts\n${body}`, one('src/a.ts')],
  ['path behind Filename:', `Filename: \`src/a.ts\`\n${body}`, one('src/a.ts')],
  ['path in a list', `1. src/a.ts\n${body}`, one('src/a.ts')],
  ['path as a point', `- \`src/a.ts\`\n${body}`, one('src/a.ts')],
  ['path with @', `@src/a.ts\n${body}`, one('src/a.ts')],
  ['path in a comment', `# src/a.py\n${body}`, one('src/a.py')],
  ['path in a quotation', `> src/a.ts\n${body}`, one('src/a.ts')],
  ['path indented', `  src/a.ts\n${body}`, one('src/a.ts')],
  ['an empty line behind the path', `src/a.ts\n\n${body}`, one('src/a.ts')],
  ['prose between', `src/a.ts\nThe change:\n${body}`, one('src/a.ts')],
  ['a dot file', `.gitignore\n${body}`, one('.gitignore')],
  ['a path without a folder', `a.ts\n${body}`, one('a.ts')],
  ['a path up', `../a.ts\n${body}`, one('../a.ts')],
  ['a Windows path', `src\\a.ts\n${body}`, one('src\\a.ts')],
  ['a path beyond ASCII', `src/größe.ts\n${body}`, one('src/größe.ts')],
  ['a known path with a space', `my file\n${body}`, one('my file')],
  ['a known name without an ending', `Makefile\n${body}`, one('Makefile')],
  ['short markers', 'a.ts\n<<<<< SEARCH\nold\n=====\nnew\n>>>>> REPLACE', one('a.ts')],
  ['long markers', 'a.ts\n<<<<<<<<< SEARCH\nold\n=========\nnew\n>>>>>>>>> REPLACE', one('a.ts')],
  [
    'a marker with an angle too many',
    'a.ts\n<<<<<<< SEARCH>\nold\n=======\nnew\n>>>>>>> REPLACE',
    one('a.ts'),
  ],
  ['markers with space behind', 'a.ts\n<<<<<<< SEARCH  \nold\n======= \nnew\n>>>>>>> REPLACE ', one('a.ts')],
  [
    'two blocks of a file',
    `src/a.ts\n${body}\n\n<<<<<<< SEARCH\nx\n=======\n>>>>>>> REPLACE`,
    [...one('src/a.ts'), { path: 'src/a.ts', search: ['x'], replace: [] }],
  ],
  ['blocks of two files', `src/a.ts\n${body}\nsrc/b.ts\n${body}`, [...one('src/a.ts'), ...one('src/b.ts')]],
  ['the path above each', `a.ts\n${body}\n\na.ts\n${body}`, [...one('a.ts'), ...one('a.ts')]],
  [
    'an empty SEARCH part',
    'a.ts\n<<<<<<< SEARCH\n=======\nnew\n>>>>>>> REPLACE',
    [{ path: 'a.ts', search: [], replace: ['new'] }],
  ],
  [
    'an empty REPLACE part',
    'a.ts\n<<<<<<< SEARCH\nold\n=======\n>>>>>>> REPLACE',
    [{ path: 'a.ts', search: ['old'], replace: [] }],
  ],
  [
    'empty lines stay',
    'a.ts\n<<<<<<< SEARCH\n\nold\n\n=======\n\n>>>>>>> REPLACE',
    [{ path: 'a.ts', search: ['', 'old', ''], replace: [''] }],
  ],
  [
    'fences within',
    'a.md\n<<<<<<< SEARCH\n```\nx\n```\n=======\n```ts\nx\n```\n>>>>>>> REPLACE',
    [{ path: 'a.md', search: ['```', 'x', '```'], replace: ['```ts', 'x', '```'] }],
  ],
  [
    'what only looks like markers',
    'a.c\n<<<<<<< SEARCH\na <<< b\n====\n=======\na >> b\n== 1\n>>>>>>> REPLACE',
    [{ path: 'a.c', search: ['a <<< b', '===='], replace: ['a >> b', '== 1'] }],
  ],
  ['path above prose that ends in a dot', `src/a.ts\nNext.\n${body}`, one('src/a.ts')],
  ['path as a comment of C', `// src/a.ts\n${body}`, one('src/a.ts')],
  ['path that is said to be new', `\`src/a.ts\` (new file):\n${body}`, one('src/a.ts')],
  ['path behind a language and a colon', `\`\`\`ts:src/a.ts\n${body}\n\`\`\``, one('src/a.ts')],
  ['path as a title', `\`\`\`ts title="src/a.ts"\n${body}\n\`\`\``, one('src/a.ts')],
  ['fences between path and block', `src/a.ts\n\`\`\`\n\`\`\`\n\`\`\`\n\`\`\`\n${body}`, one('src/a.ts')],
  ['path behind the marker', body.replace('SEARCH', 'SEARCH src/a.ts'), one('src/a.ts')],
  [
    'small letters',
    `src/a.ts\n${body.replace('SEARCH', 'search').replace('REPLACE', 'replace')}`,
    one('src/a.ts'),
  ],
  ['a colon behind the marker', `src/a.ts\n${body.replace('SEARCH', 'SEARCH:')}`, one('src/a.ts')],
  ['indented as a whole', `  src/a.ts\n${body}`.replaceAll('\n', '\n  '), one('src/a.ts')],
  [
    'in a point of a list',
    `1. Change it:\n\n   src/a.ts\n   ${body.replaceAll('\n', '\n   ')}`,
    one('src/a.ts'),
  ],
  [
    'indented lines in what is indented',
    'a.ts\n\t<<<<<<< SEARCH\n\t\told\n\n\t=======\n\t\tnew\n\t>>>>>>> REPLACE',
    [{ path: 'a.ts', search: ['\told', ''], replace: ['\tnew'] }],
  ],
  [
    'a headline of equal signs',
    'a.rst\n<<<<<<< SEARCH\nTitle\n=====\n=======\nTitles\n======\n>>>>>>> REPLACE',
    [{ path: 'a.rst', search: ['Title', '====='], replace: ['Titles', '======'] }],
  ],
  [
    'indented markers that are text',
    'a.md\n<<<<<<< SEARCH\nold\n=======\n    <<<<<<< SEARCH\n    =======\n    >>>>>>> REPLACE\n>>>>>>> REPLACE',
    [
      {
        path: 'a.md',
        search: ['old'],
        replace: ['    <<<<<<< SEARCH', '    =======', '    >>>>>>> REPLACE'],
      },
    ],
  ],
  ['nothing', 'There is nothing to change.', []],
  ['nothing at all', '', []],
  ['a fence of another kind', '```ts\nconst a = 1\n```', []],
]

describe('replies', () => {
  test.each(replies)('%s', (_, reply, blocks) => {
    const read = readEditBlocks(reply, ['my file', 'Makefile'])
    expect(read.problems).toEqual([])
    expect(read.edits.map(({ path, search, replace }) => ({ path, search, replace }))).toEqual(blocks)
    expect(read.edits.every(({ unclosed }) => !unclosed)).toBe(true)
  })
})

describe('replies that are off', () => {
  test.each([
    ['no path', body, 'line 1: expected the path of a file above the block, found none'],
    [
      'prose for a path',
      `Change this:\n${body}`,
      'line 2: expected the path of a file above the block, found none',
    ],
    [
      'no divider',
      'a.ts\n<<<<<<< SEARCH\nold\n>>>>>>> REPLACE',
      'line 2: expected ======= behind the lines to search, found >>>>>>> REPLACE in line 4',
    ],
    [
      'no divider and no end',
      'a.ts\n<<<<<<< SEARCH\nold',
      'line 2: expected ======= behind the lines to search, found the end of the reply',
    ],
    [
      'a second block within',
      `a.ts\n<<<<<<< SEARCH\nold\n=======\nnew\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE`,
      'line 2: expected >>>>>>> REPLACE behind the new lines, found <<<<<<< SEARCH in line 6',
    ],
    [
      'a second divider',
      'a.ts\n<<<<<<< SEARCH\nold\n=======\nnew\n=======\nnewer\n>>>>>>> REPLACE',
      'line 2: expected >>>>>>> REPLACE behind the new lines, found ======= in line 6',
    ],
    [
      'two headlines as long as the markers',
      'a.rst\n<<<<<<< SEARCH\nold\n=======\nChapter\n=======\n>>>>>>> REPLACE',
      'line 2: expected >>>>>>> REPLACE behind the new lines, found ======= in line 6',
    ],
    [
      'markers of another kind',
      'a.ts\n------- SEARCH\nold\n=======\nnew\n+++++++ REPLACE',
      'line 2: expected <<<<<<< SEARCH alone on the line, found ------- SEARCH',
    ],
    [
      'short markers',
      'a.ts\n<<< SEARCH\nold\n===\nnew\n>>> REPLACE',
      'line 2: expected <<<<<<< SEARCH alone on the line, found <<< SEARCH',
    ],
    [
      'words behind a marker',
      'a.ts\n<<<<<<< SEARCH for this\nold\n=======\nnew\n>>>>>>> REPLACE',
      'line 2: expected <<<<<<< SEARCH alone on the line, found <<<<<<< SEARCH for this',
    ],
    [
      'a unified diff',
      '```diff\n--- a/a.ts\n+++ b/a.ts\n@@ -1,1 +1,1 @@\n-old\n+new\n```',
      'line 4: expected an edit block, found a unified diff',
    ],
  ])('%s', (_, reply, problem) => expect(readEditBlocks(reply).problems).toEqual([problem]))

  test('a block behind one that is off is read', () => {
    const { edits } = readEditBlocks(`a.ts\n<<<<<<< SEARCH\nold\n>>>>>>> REPLACE\nb.ts\n${body}`)
    expect(edits.map(({ path }) => path)).toEqual(['b.ts'])
  })

  test.each([
    ['without its last marker', '=======\nnew\n'],
    ['without a divider', ''],
  ])('a block %s keeps no path of the one behind it', (_, rest) => {
    const { edits, problems } = readEditBlocks(`a.ts\n<<<<<<< SEARCH\nold\n${rest}\nb.ts\n\`\`\`\n${body}`)
    expect(problems).toHaveLength(1)
    expect(edits.map(({ path }) => path)).toEqual(['b.ts'])
  })

  test('the last marker may be missing, and that is told', () => {
    const [edit] = readEditBlocks('```\na.ts\n<<<<<<< SEARCH\nold\n=======\nnew\n```\n').edits
    expect(edit).toMatchObject({ path: 'a.ts', replace: ['new'], unclosed: true })
  })

  // A quadratic reader would run into the time limit.
  test.each([
    ['<<<<<<< SEARCH\n', 0],
    ['a.ts\n<<<<<<< SEARCH\n=======\n', 1],
    ['a.ts\n<<<<<<< SEARCH\n=======\n>>>>>>> REPLACE\n', 23_832],
    ['```\n', 0],
    ['a.ts\n```\n', 0],
    ['#'.repeat(1000), 0],
    ['# same '.repeat(100), 0],
    [' ', 0],
    ['``` ', 0],
    [':', 0],
  ])('a megabyte of %j', (line, edits) => {
    const reply = line.repeat(Math.ceil(2 ** 20 / line.length))
    expect(readEditBlocks(reply).edits).toHaveLength(edits)
    expect(readWholeFiles(reply).edits.length).toBeLessThan(2)
    // Within a line, where a path may stand and behind a fence.
    const { edits: none } = readEditBlocks(`x${reply.replaceAll('\n', ' ')}x\n${body}`)
    expect(none).toEqual([])
    expect(readWholeFiles(`\`\`\`${reply.replaceAll('\n', ' ')}\`\n`).edits).toEqual([])
  })
})

describe('whole files', () => {
  test.each([
    ['plain', 'src/a.ts\n```\nx\n\ny\n```', [['src/a.ts', 'x\n\ny\n']]],
    ['with a language', '**src/a.ts**\n```ts\nx\n```\nDone.', [['src/a.ts', 'x\n']]],
    ['named by the fence', '```ts src/a.ts\nx\n```', [['src/a.ts', 'x\n']]],
    ['in a longer fence', 'a.md\n````\n```\nx\n```\n````', [['a.md', '```\nx\n```\n']]],
    [
      'with fences of its own',
      'a.md\n```\n# A\n\n```sh\nnpm i\n```\n\nEnd.\n```\nDone.',
      [['a.md', '# A\n\n```sh\nnpm i\n```\n\nEnd.\n']],
    ],
    [
      'with fences further to the right',
      'a.py\n```python\nx = """\n    ```\n    """\n```',
      [['a.py', 'x = """\n    ```\n    """\n']],
    ],
    [
      'in a point of a list',
      '1. It:\n\n   a.ts\n   ```\n   x\n     y\n   ```\n   Done.',
      [['a.ts', 'x\n  y\n']],
    ],
    ['empty', 'a.ts\n```\n```', [['a.ts', '']]],
    [
      'several',
      'a.ts\n```\nx\n```\n\nb.ts\n```\ny\n```',
      [
        ['a.ts', 'x\n'],
        ['b.ts', 'y\n'],
      ],
    ],
    ['one twice', 'a.ts\n```\nx\n```\na.ts\n```\ny\n```', [['a.ts', 'y\n']]],
    ['an edit block is none', `a.ts\n\`\`\`\n${body}\n\`\`\``, []],
    ['a sentence that names a file', 'Call it from `src/a.ts`:\n```\nx\n```', []],
    ['an example without a path', 'For instance\n```\nx\n```', []],
    [
      'a second block is not the file of the first',
      'a.ts\n```\nx\n```\nRun it:\n```\nnode a\n```',
      [['a.ts', 'x\n']],
    ],
  ])('%s', (_, reply, files) => {
    const { edits, problems } = readWholeFiles(reply)
    expect(problems).toEqual([])
    expect(edits.map(({ path, text }) => [path, text])).toEqual(files)
  })

  test('the lines of files are none of the rest', () => {
    const { rest } = readWholeFiles('One\na.lua\n```\n--- Search for it.\n```\n\n```\nb\n```\n')
    expect(rest).toBe('One\na.lua\n```\n\n```\n\n```\nb\n```\n')
  })

  test.each([
    ['that is cut', 'a.ts\n```\nx\n'],
    ['whose fences do not match', 'a.ts\n```\n```sh\nx\n```\n'],
  ])('a file %s is not taken', (_, reply) => {
    const { edits, problems } = readWholeFiles(reply)
    expect(edits).toEqual([])
    expect(problems).toEqual(['line 2: the reply ends before a.ts is closed; it is not taken'])
  })
})
