// ONNX's element types by their numbers, TensorProto.DataType. Imports nothing but a type.

import type { Format } from '../elements.js';

/** An element type, and the format that its raw bytes are; null where no tensor holds such elements. */
export interface ElementType {
  readonly name: string;
  readonly format: Format | null;
}

/** The type of a number; one that is not known is called by its number. */
export function elementTypeOf(number: number): ElementType {
  return elementTypes[number] ?? { name: `TYPE_${number}`, format: null };
}

const elementTypes: readonly ElementType[] = [
  { name: 'UNDEFINED', format: null },
  { name: 'FLOAT', format: 'F32' },
  { name: 'UINT8', format: 'U8' },
  { name: 'INT8', format: 'I8' },
  { name: 'UINT16', format: 'U16' },
  { name: 'INT16', format: 'I16' },
  { name: 'INT32', format: 'I32' },
  { name: 'INT64', format: 'I64' },
  { name: 'STRING', format: null },
  { name: 'BOOL', format: 'BOOL' },
  { name: 'FLOAT16', format: 'F16' },
  { name: 'DOUBLE', format: 'F64' },
  { name: 'UINT32', format: 'U32' },
  { name: 'UINT64', format: null },
  { name: 'COMPLEX64', format: null },
  { name: 'COMPLEX128', format: null },
  { name: 'BFLOAT16', format: 'BF16' },
  { name: 'FLOAT8E4M3FN', format: null },
  { name: 'FLOAT8E4M3FNUZ', format: null },
  { name: 'FLOAT8E5M2', format: null },
  { name: 'FLOAT8E5M2FNUZ', format: null },
  { name: 'UINT4', format: null },
  { name: 'INT4', format: null },
  { name: 'FLOAT4E2M1', format: null },
  { name: 'FLOAT8E8M0', format: null },
  { name: 'UINT2', format: null },
  { name: 'INT2', format: null },
];
