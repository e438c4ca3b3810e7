/** What a piece is: values of `tokenizer.ggml.token_type`, and of SentencePiece's `type`. */
export const TokenType = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const
