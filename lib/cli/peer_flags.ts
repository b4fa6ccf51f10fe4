/** What the other process of a demonstration or a trace may do. */
export const PEER_FLAGS: readonly string[] = [
  "--quiet",
  "--no-prompt",
  "--no-lock",
  "--no-config",
  "--allow-ffi",
  "--allow-run",
  "--allow-read",
  "--allow-write",
];
