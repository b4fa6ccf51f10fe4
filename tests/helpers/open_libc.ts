/**
 * Opens libc before the first test. It is opened once per process, for good; inside a test, the sanitizers would take that for a leak.
 * Imported by the other helpers, and preloaded for the documentation's examples.
 */
import { libc } from "../../lib/sys/libc.ts";

libc();
