// What goes to and comes from the terminal of a chat: text made safe, broken at words, put together of lines.
import { describe, expect, test } from 'vitest'
import { complete } from '../../src/cli/chat/complete.ts'
import { MessageReader } from '../../src/cli/chat/messages.ts'
import { printable } from '../../src/cli/chat/printable.ts'
import { WordWrap } from '../../src/cli/chat/wrap.ts'

describe('printable', () => {
  test.each([
    ['plain', 'héllo\n\t日本 🙂', 'héllo\n\t日本 🙂'],
    ['colours', '\u001b[31mred', '␛[31mred'],
    ['titles', '\u001b]0;x\u0007', '␛]0;x␇'],
    ['controls of one byte', '\u009b2J\u0085', '\ufffd2J\ufffd'],
    ['line feeds of other systems', 'a\r\nb\r', 'a\nb'],
    ['text turned around', 'a\u202eb\u2066c', 'a\ufffdb\ufffdc'],
    ['what nobody sees', 'a\u200bb\u2063c', 'a\ufffdb\ufffdc'],
    ['deletions', 'a\u0008\u007f', 'a␈␡'],
  ])('%s', (_, text, expected) => {
    expect(printable(text)).toBe(expected)
    expect([...text].map(printable).join('')).toBe(expected)
  })
})

describe('wrapping', () => {
  const wrap = (pieces: readonly string[], columns = 10) => {
    const wrapped = new WordWrap(() => columns)
    return pieces.map(piece => wrapped.push(piece)).join('') + wrapped.flush()
  }

  test.each([
    ['short', 'a b c', 'a b c'],
    ['at the last word that fits', 'one two three four', 'one two\nthree four'],
    ['exactly as wide', 'one two 34', 'one two 34'],
    ['a word that is too wide alone', 'a 123456789012 b', 'a\n1234567890\n12 b'],
    ['lines of their own', 'one\n\n  two\nthree', 'one\n\n  two\nthree'],
    ['letters that are written without spaces', '日本語 日本語', '日本語 日\n本語'],
    ['space at the end', 'one \n two ', 'one \n two '],
    ['characters of two units', 'a🙂🙂🙂🙂🙂🙂', 'a🙂🙂🙂🙂\n🙂🙂'],
  ])('%s', (_, text, expected) => {
    expect(wrap([text])).toBe(expected)
    expect(wrap([...text])).toBe(expected)
  })

  test('as wide as the terminal is by then', () => {
    let columns = 20
    const wrapped = new WordWrap(() => columns)
    let out = wrapped.push('one two three four ')
    columns = 8
    out += wrapped.push('five six seven eight') + wrapped.flush()
    expect(out).toBe('one two three four\nfive six\nseven\neight')
  })
})

describe('completion of paths', () => {
  const found = (begun: string) => complete(`/load ${begun}`, [{ names: ['load'], completes: 'paths' }])[0]

  test('shows what is hidden where its name is begun', () => {
    expect(found('.git')).toContain('.gitignore')
    expect(found('./.gitig')).toEqual(['.gitignore'])
    expect(found('')).not.toContain('.gitignore')
    expect(found('./')).not.toContain('.gitignore')
  })
})

describe('messages of lines', () => {
  const read = (lines: readonly string[]) => {
    const reader = new MessageReader()
    const messages = lines.map(line => reader.line(line)).filter(message => message !== undefined)
    return [...messages, ...[reader.end()].filter(message => message !== undefined)]
  }
  test.each([
    ['one each', ['a', 'b'], ['a', 'b']],
    ['backslashes', ['a\\', 'b\\', 'c', 'd'], ['a\nb\nc', 'd']],
    ['quotes', ['"""', 'a', '', 'b', '"""', 'c'], ['a\n\nb', 'c']],
    ['quotes with text beside them', ['"""a', 'b"""', 'c'], ['a\nb', 'c']],
    ['quotes on one line', ['"""a"""'], ['a']],
    ['quotes later are text', ['say """', 'b'], ['say """', 'b']],
    ['an end that is missing', ['"""a', 'b'], ['a\nb']],
    ['a backslash at the end', ['a\\'], ['a']],
  ])('%s', (_, lines, expected) => expect(read(lines)).toEqual(expected))
})
