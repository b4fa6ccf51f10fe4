/**
 * Channels: typed messages over every road, so that choosing the road is choosing an address.
 *
 * {@linkcode channel} opens one end of `unix:`, `tcp:`, `fifo:`, `mq:`, `shm:` or `fd:`; {@linkcode listenChannel} lets many come. Values
 * are JSON, text, bytes, structs or whatever a codec makes of them, and any Standard Schema validator may look at them. The synchronous model: who
 * receives waits while there is nothing, who sends waits while the road is full.
 *
 * ## What every road promises, and where they differ
 *
 * On every road a message arrives whole, in order and once, or not at all; a send that ends early has sent nothing; a peer that closed ends the
 * iteration, one that died makes it throw `ChannelClosedError` with `reason: "died"`, both after everything that it had sent. A half-written message
 * is never seen. What a sender had sent and its process then died of is not lost: the kernel, or the ring, has it.
 *
 * | | `unix:` | `tcp:` | `fifo:` | `mq:` | `shm:` | `fd:` socket | `fd:` pipe |
 * |---|---|---|---|---|---|---|---|
 * | directions | both | both | to the listener | to the listener | both | both | by the end |
 * | many peers (`listenChannel`) | yes | yes | no: one after the other | no: one after the other | yes | no | no |
 * | longest message | `maxMessageBytes` | `maxMessageBytes` | `maxMessageBytes` | 8,191 bytes, if less | the smaller `maxMessageBytes` | seqpacket: 128 KiB, if less | `maxMessageBytes` |
 * | how it stays whole | frames | frames | frames | the kernel | the ring | frames; seqpacket: the kernel | frames |
 * | copies in the kernel | 2 | 2 and more | 2 | 2 | 0 | 2 | 2 |
 * | holds, before a sender waits | about 200 KiB | some MiB | 64 KiB | 10 messages | the ring | 100 to 200 KiB | 64 KiB |
 * | who came, by the kernel (`peer`) | yes | no | no | no | yes | yes | no |
 * | a death is known by | end of file without goodbye | the same; not when the machine or the network dies | the same | a lock that is free, looked at every 100 ms while waiting | robust words | end of file without goodbye | the same |
 * | a receiver's close and death look different to its sender | yes | yes | yes, if a channel made the FIFO | yes | yes | yes | yes |
 * | a refused peer learns why | yes | yes | the listener only | the listener only | yes | yes | the receiver only |
 * | after a killed listener | a stale name, replaced | nothing | a stale FIFO, used again | a stale queue, replaced | a stale name, replaced | nothing | nothing |
 * | without `--allow-ffi` | asynchronous forms | asynchronous forms | asynchronous forms | no | no | no | no |
 *
 * An end in this process that has a message in its hands (a codec's result, a queue of `whenFull`) loses it with the process. So is lost
 * what is left of a message of which `trySend` could send a part only; `send`, `sendSync` and `sendMany` wait until the kernel has all of it (without
 * `--allow-ffi`: all but the last). A sender that exits without `close()` counts as dead, whatever its exit code: `using`, or `await using` where the goodbye may
 * have to wait.
 *
 * {@linkcode topic} is one to many, {@linkcode latest} the last value, and {@linkcode channelPair} joins a parent with its child or a Worker.
 *
 * @module
 */

export { type ChannelAddress, parseChannelAddress, type Road } from "./address.ts";
export type { Channel, ChannelOptions, MessageOptions, WhenFull } from "./channel.ts";
export type { ChannelCodec, Codec, StructFieldValues, StructValues } from "./codec.ts";
export { channel, type ChannelListener, listenChannel, type ListenChannelOptions } from "./open_channel.ts";
export type { SchemaIssue, SchemaResult, StandardSchema } from "./schema.ts";
export { latest, type LatestOptions, type LatestStructOptions } from "./latest.ts";
export type { LatestReader, LatestStructWriter, LatestWriter, WriterState } from "./latest_ends.ts";
export {
  type ChannelPair,
  channelPair,
  type ChannelPairOptions,
  parentChannel,
  type ParentChannelOptions,
} from "./pair.ts";
export type { ChildEnd, PairRoad } from "./pair_end.ts";
export type { BorrowedMessage, InPlace, LoanedMessage } from "./shm_in_place.ts";
export type { Welcoming } from "./rendezvous.ts";
export {
  type PublishOptions,
  type SubscribeOptions,
  topic,
  type TopicOptions,
  type TopicStructOptions,
} from "./topic.ts";
export type { TopicPublisher, TopicSubscriber, TopicSubscription } from "./topic_ends.ts";
export {
  createLanes,
  joinLanesReceiver,
  joinLanesSender,
  lanesByteLength,
  type LanesDirection,
  type LanesEndOptions,
  type LanesOptions,
  type LanesReceiver,
  type LanesSender,
  type LaneWhenFull,
  openLanesReceiver,
  openLanesSender,
  type SubscriberOptions,
} from "./lanes.ts";
export {
  type Borrowed,
  createRing,
  type CreateRingOptions,
  openRingReceiver,
  openRingSender,
  ringByteLength,
  type RingEnd,
  type RingEndOptions,
  type RingPeer,
  type RingReceiver,
  type RingSender,
} from "./ring.ts";
export { type DoorbellListener, type RingDoorbell, type SocketDoorbell, socketDoorbell } from "./ring_doorbell.ts";
export type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
export type { Memory } from "../memory/memory.ts";
export type { MemoryAdvice, MemoryRange } from "../memory/pages.ts";
export type { Fd } from "../sys/fd.ts";
export type { Inheritable, Movable, moveDescriptor } from "../sys/inheritable.ts";
export type { PeerCredentials } from "../socket/peer.ts";
export type { Struct } from "../memory/struct.ts";
export type { FieldLayout, ObjectField, Participation, Place } from "../memory/field.ts";
export type { ReadOnlyMemory } from "../memory/read_only.ts";
export type { CDefinition, CMember, CNamedType, CStructType, CType } from "../memory/c_type.ts";
