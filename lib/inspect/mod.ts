/**
 * Looking at all the ways in which processes talk: what there is, who holds it, what is stale.
 *
 * @module
 */

export { type Deadlock, findDeadlocks } from "./deadlock.ts";
export { readWaits, type ThreadOf, type Wait, type WaitKind, type Waits } from "./deadlock_waits.ts";
export type { Descriptor, DescriptorKind, Direction } from "./descriptors.ts";
export { processGraph, type ProcessGraphOptions } from "./graph.ts";
export { renderDot } from "./graph_dot.ts";
export { renderHtml } from "./graph_html.ts";
export { renderMermaid } from "./graph_mermaid.ts";
export {
  type ChannelKind,
  drawGraph,
  type Drawing,
  type EndRole,
  type GraphChannel,
  type GraphEdge,
  type GraphEnd,
  type GraphNode,
  type GraphProcess,
  type ProcessGraph,
} from "./graph_model.ts";
export { renderSvg } from "./graph_svg.ts";
export { renderText, type RenderTextOptions, type TextRole } from "./graph_text.ts";
export type { MappingKind, SharedMapping } from "./mappings.ts";
export {
  type AnonymousMemoryObject,
  type FifoObject,
  type FileLockObject,
  type FutexObject,
  type Holder,
  type IpcObject,
  type MappedFileObject,
  type MemfdObject,
  type MemoryFacts,
  type MessageQueueObject,
  OBJECT_KINDS,
  type ObjectFacts,
  type ObjectKind,
  type PipeObject,
  type SemaphoreObject,
  type SharedMemoryObject,
  type StructCreator,
  type StructFacts,
  type SysvFacts,
  type SysvMemoryObject,
  type SysvQueueObject,
  type SysvSemaphoresObject,
  type UnixSocketObject,
} from "./object.ts";
export { type Collected, type Collection, collectStale, type CollectStaleOptions } from "./collect.ts";
export { listObjects, type ListObjectsOptions, type ObjectListing } from "./objects.ts";
export { type ProcessInfo, readProcesses } from "./processes.ts";
export {
  type ChannelRate,
  type IoRate,
  type ProcessRate,
  type Rate,
  type Rates,
  ratesBetween,
  readSample,
  type Sample,
  type SampleOptions,
} from "./rates.ts";
export { type ChannelLevel, type FlowKind } from "./rates_levels.ts";
export { type IoCounters, type ProcessCounters } from "./rates_processes.ts";
export { readSnapshot, type Snapshot, type SnapshotOptions } from "./snapshot.ts";
export { readUnixSockets, type UnixSocket } from "./unix_sockets.ts";
export { PosixError } from "../errors.ts";
