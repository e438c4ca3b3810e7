// Names of models on a hub.
import { expect, test } from 'vitest'
import { InvalidOptionError } from '../../src/errors.ts'
import { isHubName, isPlainPath, parseHubName } from '../../src/hub/name.ts'

test.each([
  ['hf:owner/repo', 'owner/repo', 'main', undefined],
  ['hf:gpt2', 'gpt2', 'main', undefined],
  ['hf:owner/repo:Q4_K_M', 'owner/repo', 'main', 'Q4_K_M'],
  ['hf:Owner/repo-1.5_b:folder/a b@c:d.gguf', 'Owner/repo-1.5_b', 'main', 'folder/a b@c:d.gguf'],
  ['hf:owner/repo@v1', 'owner/repo', 'v1', undefined],
  ['hf:owner/repo@refs/pr/3:x.gguf', 'owner/repo', 'refs/pr/3', 'x.gguf'],
])('%s', (text, repository, revision, wanted) => {
  expect(isHubName(text)).toBe(true)
  expect(parseHubName(text)).toEqual({ text, repository, revision, wanted })
})

test.each([
  ...['hf:', 'hf:/', 'hf:owner/', 'hf:/repo', 'hf:a/b/c', 'hf:../repo', 'hf:owner/..', 'hf:owner/a..b'],
  ...['hf:owner/a--b', 'hf:owner/repo:', 'hf:owner/repo@', 'hf:owner/repo@../x', 'hf:owner/repo@/x'],
  ...['hf:owner/repo@a\\b', 'hf:owner/re po', `hf:owner/${'a'.repeat(97)}`, 'hf:owner/.git'],
])('%s is none', text => {
  expect(() => parseHubName(text)).toThrow(InvalidOptionError)
  expect(() => parseHubName(text)).toThrow('expected a name like hf:OWNER/REPO')
})

test('what is a path or a URL is no name', () => {
  for (const text of ['model.gguf', './hf:x', 'https://host/x', 'HF:owner/repo'])
    expect(isHubName(text)).toBe(false)
})

test('paths that lead elsewhere', () => {
  for (const path of ['..', '../a', 'a/../b', '/a', 'a//b', 'a/', '', '.', 'a\\b', 'c:d', 'a\0', 'a\nb'])
    expect([path, isPlainPath(path)]).toEqual([path, false])
  for (const path of ['a', 'a/b', '..a', 'a..', '.a', 'ä b'])
    expect([path, isPlainPath(path)]).toEqual([path, true])
})
