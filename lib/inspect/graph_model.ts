/**
 * What a picture of communicating processes is made of, whoever draws it.
 *
 * @module
 */

/** A way for processes to reach each other. */
export type ChannelKind =
  | "pipe"
  | "fifo"
  | "unix-socket"
  | "shared-memory"
  | "memfd"
  | "sysv-memory"
  | "mapped-file"
  | "message-queue"
  | "sysv-queue"
  | "sysv-semaphores"
  | "lock"
  | "eventfd";

/**
 * What a process does with a channel. Who listens waits for connections, each of which is a channel of its own.
 *
 * System V queues and semaphores nobody has open: the kernel tells who was the last to send, to receive, or to operate on a semaphore. It may never do
 * so again, and others may have done it before. Who sleeps in such a call `reads`, `writes` or `waits`.
 */
export type EndRole =
  | "writes"
  | "reads"
  | "both"
  | "holds"
  | "waits"
  | "listens"
  | "sent-last"
  | "received-last"
  | "exchanged-last"
  | "used-last";

/** A process of a graph. */
export interface GraphProcess {
  /** Its pid. */
  readonly pid: number;
  /** Its parent's pid; 0 when it has none, or none that can be seen. */
  readonly parent: number;
  /** What the kernel calls it. Any process may call itself anything: escape it. */
  readonly program: string;
  /** Its command line; empty when it has none, or none that can be seen. As untrusted as `program`. */
  readonly command: readonly string[];
  /** Whether it is not one of those that were asked for, but talks to one. */
  readonly outside: boolean;
}

/** One process at one channel. */
export interface GraphEnd {
  /** The process. */
  readonly pid: number;
  /** What it does there. */
  readonly role: EndRole;
  /** By which descriptors; none for what is only mapped. */
  readonly descriptors: readonly number[];
}

/** A channel of a graph. */
export interface GraphChannel {
  /** Unique in the graph, and the same as long as the channel exists. */
  readonly id: string;
  /** What it is. */
  readonly kind: ChannelKind;
  /** Its path, name, key or number. Any process may name it: escape it. */
  readonly name: string;
  /** Who is at it, by pid, each once. */
  readonly ends: readonly GraphEnd[];
}

/** Processes, and how they reach each other. */
export interface ProcessGraph {
  /** By pid. */
  readonly processes: readonly GraphProcess[];
  /** By kind, then name. */
  readonly channels: readonly GraphChannel[];
  /** What could not be seen, and why: one sentence each. */
  readonly hidden: readonly string[];
}

/** A line of the picture. */
export interface GraphEdge {
  /** `p` and a pid, or `c` and the number of a channel that has a node of its own. */
  readonly from: string;
  /** Likewise. */
  readonly to: string;
  /** What the line is: `child` leads from a parent to its child. */
  readonly kind: ChannelKind | "child";
  /** The channel's name; empty for `child`, and where the channel is a node. */
  readonly name: string;
  /** Which way it flows. */
  readonly direction: "forward" | "both" | "none";
  /** Whether it is only known to have been so last. */
  readonly past: boolean;
  /** The channel; `undefined` for `child`. */
  readonly channel: string | undefined;
}

/** A channel that is drawn as a node. */
export interface GraphNode {
  /** `c` and a number. */
  readonly id: string;
  /** The channel. */
  readonly channel: GraphChannel;
}

/** Nodes and lines. */
export interface Drawing {
  /** Channels that more or fewer than two processes share. */
  readonly nodes: readonly GraphNode[];
  /** All lines. */
  readonly edges: readonly GraphEdge[];
}

/**
 * `drawGraph(graph)`: makes lines of channels. A channel between two processes is one line from the one that writes to the one that reads, or
 * from the holder of a lock to the one that waits for it; a channel that more processes share is a node, with a line for each.
 *
 * @example A pipe is a line
 * ```ts
 * import { drawGraph } from "@causeway/causeway/inspect";
 * import { assertEquals } from "@std/assert";
 *
 * const process = { parent: 1, command: [], outside: false };
 * const { edges } = drawGraph({
 *   processes: [{ ...process, pid: 7, program: "yes" }, { ...process, pid: 8, program: "head" }],
 *   channels: [{
 *     id: "pipe:1",
 *     kind: "pipe",
 *     name: "1",
 *     ends: [{ pid: 7, role: "writes", descriptors: [1] }, { pid: 8, role: "reads", descriptors: [0] }],
 *   }],
 *   hidden: [],
 * });
 * assertEquals(edges.map(({ from, to, kind, direction }) => [from, to, kind, direction]), [["p7", "p8", "pipe", "forward"]]);
 * ```
 */
export function drawGraph(graph: ProcessGraph): Drawing {
  const pids = new Set(graph.processes.map(({ pid }) => pid));
  const nodes: GraphNode[] = [];
  const edges: GraphEdge[] = [];
  for (const { pid, parent } of graph.processes) {
    if (!pids.has(parent)) continue;
    edges.push({
      from: `p${parent}`,
      to: `p${pid}`,
      kind: "child",
      name: "",
      direction: "forward",
      past: false,
      channel: undefined,
    });
  }
  graph.channels.forEach((channel, index) => {
    const [first, second, ...more] = channel.ends;
    if (first !== undefined && second !== undefined && more.length === 0) edges.push(line(channel, first, second));
    else {
      const id = `c${index}`;
      nodes.push({ id, channel });
      for (const end of channel.ends) edges.push(spoke(channel, id, end));
    }
  });
  return { nodes, edges };
}

/** The line between the two processes of a channel. */
function line({ id, kind, name }: GraphChannel, first: GraphEnd, second: GraphEnd): GraphEdge {
  const forward = flows(first, second);
  const backward = flows(second, first);
  const [from, to] = backward && !forward ? [second, first] : [first, second];
  const direction = forward && backward ? "both" : forward || backward ? "forward" : "none";
  const past = isPast(from.role) || isPast(to.role);
  return { from: `p${from.pid}`, to: `p${to.pid}`, kind, name, direction, past, channel: id };
}

function flows(from: GraphEnd, to: GraphEnd): boolean {
  return flow(from.role) !== "from" && flow(to.role) !== "to";
}

/** The line between a channel that is a node and one of its processes. */
function spoke({ id, kind }: GraphChannel, node: string, { pid, role }: GraphEnd): GraphEdge {
  const process = `p${pid}`;
  const way = flow(role);
  const [from, to] = way === "from" ? [node, process] : [process, node];
  const direction = way === "both" ? "both" : "forward";
  return { from, to, kind, name: "", direction, past: isPast(role), channel: id };
}

/** Which way it flows, seen from the process: to the channel, or from it. A lock comes from its holder. */
function flow(role: EndRole): "to" | "from" | "both" {
  if (role === "writes" || role === "holds" || role === "sent-last") return "to";
  return role === "reads" || role === "waits" || role === "received-last" ? "from" : "both";
}

/** Whether a role is what somebody did last, and perhaps does no more. */
export function isPast(role: EndRole): boolean {
  return role.endsWith("-last");
}
