// Every error that torchless throws on purpose. A leaf: any folder may import it, it imports nothing.

/** Base of all errors that torchless throws on purpose; `name` is the class name and stable. */
export class TorchlessError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
  }
}

/** What a malformed file said, and what it should have said. */
export interface FormatProblem {
  /** The file, as its Source is named. */
  readonly file: string
  /** The field within the file, e.g. `general.alignment` or `tensor 3 name length`. */
  readonly field: string
  readonly expected: string
  readonly found: string
}

/** A model file is truncated, inconsistent or hostile. */
export class ModelFormatError extends TorchlessError implements FormatProblem {
  readonly file: string
  readonly field: string
  readonly expected: string
  readonly found: string

  constructor({ file, field, expected, found }: FormatProblem, options?: ErrorOptions) {
    super(`${file}: ${field}: expected ${expected}, found ${found}`, options)
    this.file = file
    this.field = field
    this.expected = expected
    this.found = found
  }
}

/** The file is sound, but torchless cannot run what it describes: architecture, tensor or metadata. */
export class UnsupportedModelError extends TorchlessError {}

/** While recording a program, an operation was given tensors whose shapes do not fit. */
export class ShapeError extends TorchlessError {}

/** The tokens do not fit into the context window. */
export class ContextOverflowError extends TorchlessError {
  constructor(
    /** Tokens that were to be held. */
    readonly tokens: number,
    /** Tokens that the context holds at most. */
    readonly capacity: number,
  ) {
    super(
      `the context holds ${capacity} tokens, but ${tokens} are needed; raise the context length or shorten the prompt`,
    )
  }
}

/** The cache pool has no free block left for another sequence. */
export class CacheFullError extends TorchlessError {}

/** A model does not fit into the memory that is left. */
export class InsufficientMemoryError extends TorchlessError {
  constructor(
    message: string,
    /** Bytes that it would take. */
    readonly needed: number,
    /** Bytes that are left. */
    readonly available: number,
  ) {
    super(message)
  }
}

/** A model, session or executable was used after `dispose()`. */
export class DisposedError extends TorchlessError {
  constructor(what: string) {
    super(`${what} was disposed`)
  }
}

/** An option or argument is out of range or of the wrong kind. */
export class InvalidOptionError extends TorchlessError {}

/** The model's numbers are beyond repair: no token has a logit. */
export class ComputationError extends TorchlessError {
  constructor() {
    super('no token has a logit: the weights are damaged, or their numbers too large for this computation')
  }
}

/** Bytes of a model cannot be had: no such file, no permission, a cut connection, a range beyond the end. */
export class SourceError extends TorchlessError {
  constructor(
    /** The file or URL, as its Source is named. */
    readonly file: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`${file}: ${problem}`, options)
  }
}

/** A chat template cannot be rendered: its text is no valid template, or it refuses these messages. */
export class TemplateError extends TorchlessError {}

/** A line over a chat server's socket is none that was expected. */
export class ProtocolError extends TorchlessError {}

/** A chat server has gone in the midst of a conversation. */
export class DisconnectedError extends TorchlessError {
  constructor(
    /** Path of its socket. */
    readonly path: string,
  ) {
    super(`${path}: the server has gone`)
  }
}

/** A backend cannot run here: nothing is built for this machine and nothing can be, or a driver is missing. */
export class BackendUnavailableError extends TorchlessError {}

/** An edit of a file is not made: the path is out of bounds, the file changed, there is nothing to undo. */
export class EditError extends TorchlessError {
  constructor(
    /** As the edit names it. */
    readonly path: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`${path}: ${problem}`, options)
  }
}

/** A grammar cannot be used: its text has a mistake, or no text could be written by it. */
export class GrammarError extends TorchlessError {
  constructor(
    problem: string,
    /** Where the mistake is, counted from 1. */
    readonly place?: { readonly line: number; readonly column: number },
  ) {
    super(`grammar: ${place ? `line ${place.line}, column ${place.column}: ` : ''}${problem}`)
  }
}

/** A JSON Schema asks for something that cannot be guaranteed. */
export class UnsupportedSchemaError extends TorchlessError {
  constructor(
    /** JSON pointer to the keyword. */
    readonly pointer: string,
    readonly reason: string,
  ) {
    super(`schema: ${pointer || '(root)'}: ${reason}`)
  }
}

/** What a model wrote is not what was asked for: it was cut off, or its schema's own checks refuse it. */
export class InvalidOutputError extends TorchlessError {
  constructor(
    problem: string,
    /** What the model wrote. */
    readonly text: string,
    options?: ErrorOptions,
  ) {
    super(`the output is not what was asked for: ${problem}`, options)
  }
}
