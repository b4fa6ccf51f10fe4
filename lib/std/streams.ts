/** `@std/streams`, by way of the npm registry: one module a function, because the whole of it takes long to load. */

// @ts-types="./streams.d.ts"
export { concatReadableStreams } from "npm:deno-std@1.4.0/streams/concat_readable_streams.js";
// @ts-types="./streams.d.ts"
export { DelimiterStream } from "npm:deno-std@1.4.0/streams/delimiter_stream.js";
// @ts-types="./streams.d.ts"
export { mergeReadableStreams } from "npm:deno-std@1.4.0/streams/merge_readable_streams.js";
// @ts-types="./streams.d.ts"
export { TextDelimiterStream } from "npm:deno-std@1.4.0/streams/text_delimiter_stream.js";
// @ts-types="./streams.d.ts"
export { TextLineStream } from "npm:deno-std@1.4.0/streams/text_line_stream.js";
// @ts-types="./streams.d.ts"
export { toArrayBuffer } from "npm:deno-std@1.4.0/streams/to_array_buffer.js";
// @ts-types="./streams.d.ts"
export { toBytes } from "npm:deno-std@1.4.0/streams/to_bytes.js";
// @ts-types="./streams.d.ts"
export { toJson } from "npm:deno-std@1.4.0/streams/to_json.js";
// @ts-types="./streams.d.ts"
export { toText } from "npm:deno-std@1.4.0/streams/to_text.js";
