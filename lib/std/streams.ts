/** `@std/streams`, by way of the npm registry. */

// @ts-types="./streams.d.ts"
export {
  concatReadableStreams,
  DelimiterStream,
  mergeReadableStreams,
  TextDelimiterStream,
  TextLineStream,
  toArrayBuffer,
  toBytes,
  toJson,
  toText,
} from "npm:deno-std@1.4.0/streams/mod.js";
