// placeholder
export type QuantName = 'F32'
