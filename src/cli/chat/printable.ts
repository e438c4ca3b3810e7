// Text of others made fit for terminals: a model, or a file that it quotes, must not move the cursor, colour the screen or turn text
// around.

/** Control characters but for line feed and tab, those that change the direction of text, and those that nobody sees. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const unsafe = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069]/g

/** Each unsafe character as one that shows it; a character at a time, so that it does not matter where a stream is cut. */
export function printable(text: string): string {
  return text.replace(unsafe, character => {
    const code = character.charCodeAt(0)
    if (code === 13) return ''
    // Pictures of control characters.
    if (code < 32) return String.fromCharCode(0x2400 + code)
    return code === 127 ? '\u2421' : '\ufffd'
  })
}
