// The language that block formats are decoded in: integer and float32 expressions over the bytes of a block, and
// the printer that every target language derives from. Must not know any format.

/** Loads of little-endian values at any alignment. */
export type IntLoad = 'u8' | 'i8'
export type FloatLoad = 'f16' | 'bf16' | 'f32'

type IntNode =
  | { readonly op: 'literal'; readonly value: number }
  | { readonly op: 'variable'; readonly name: string }
  | { readonly op: IntLoad; readonly at: Int }
  | { readonly op: IntOperator; readonly a: Int; readonly b: Int }
  | { readonly op: 'select'; readonly if: Condition; readonly then: Int; readonly else: Int }

type FloatNode =
  | { readonly op: 'variable'; readonly name: string }
  | { readonly op: FloatLoad; readonly at: Int }
  | { readonly op: 'fromInt' | 'neg'; readonly a: Int | Float }
  | { readonly op: 'add' | 'mul'; readonly a: Float; readonly b: Float }

type IntOperator = '+' | '-' | '*' | '&' | '|' | '<<' | '>>'
