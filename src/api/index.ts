// Everything that users of the library import.
export type { DeviceInfo, Logits, Roofline, Want } from '../backends/backend.ts'
export { type BackendInfo, type BackendName, listBackends } from '../backends/select.ts'
export { type BuiltinName, builtinNames as builtinTemplates } from '../chat/builtin.ts'
export type { ContentPart, Message, RenderOptions } from '../chat/template.ts'
export type { ReplyPiece } from '../chat/thinking.ts'
export type { EditableFile } from '../code/edit-matcher.ts'
export type { FileChange, RejectedEdit } from '../code/edit-plan.ts'
export type { EditFormat } from '../code/instructions.ts'
export type { ExpandedMessage, FileReferences } from '../code/references.ts'
export type { Constraint } from '../engine/constraint.ts'
export type { SamplerOptions } from '../engine/sampler.ts'
export { type Candidates, createSampler, type Sampler, type TokenMask } from '../engine/sampler.ts'
export type { FeedOptions, Session } from '../engine/session.ts'
export * from '../errors.ts'
export type { FormatName } from '../formats/model-file.ts'
export { formatNames } from '../formats/readers.ts'
export { isHubName } from '../hub/name.ts'
export {
  type MixName as QuantizationName,
  mixNames as quantizationNames,
  type PrecisionName,
  precisionNames,
} from '../quant/mixes.ts'
export type { EncodeOptions, SpecialPlaces, Tokenizer } from '../tokenizer/tokenizer.ts'
export { type Benchmark, type BenchmarkOptions, benchmark, type Rate } from './benchmark.ts'
export { builtinModel, type ListedModel, listModels } from './builtin.ts'
export type { Chat, ChatOptions, ContextUse, ReplyOptions, SendOptions } from './chat.ts'
export {
  type AppliedEdits,
  type CodingEvent,
  type CodingOptions,
  type CodingResult,
  CodingSession,
  type CodingTurn,
  defaultEditFormat,
} from './coding.ts'
export { type ConvertOptions, convertModel, type WritableFormat, writableFormats } from './convert.ts'
export { EditConstraint } from './edit-constraint.ts'
export type { Finish, GenerateOptions, Generation, Timings, Usage } from './generation.ts'
export { computeImportance, type ImportanceOptions } from './imatrix.ts'
export { inspectModel, type ModelInspection, type TensorInspection } from './inspect.ts'
export { type LoadOptions, loadModel } from './load.ts'
export type { Model } from './model.ts'
export type { ModelLocation } from './open.ts'
export type { EditReview, PendingEdit } from './pending-edits.ts'
export { type Perplexity, type PerplexityOptions, perplexity } from './perplexity.ts'
export { findPulled, type PulledModel, type PullOptions, pull } from './pull.ts'
export { type QuantizeOptions, quantizeModel } from './quantize.ts'
export type { Reply, ReplyStream, ReplyUsage } from './reply.ts'
export type { JsonSchema, OutputOf, OutputSchema, StructuredOptions } from './structured.ts'
export { loadTemplate, type Prompt, PromptTemplate, type TemplateOptions } from './template.ts'
export { loadTokenizer } from './tokenizer.ts'
