/**
 * Looks up libc's functions before the first test. Each is opened once per process, for good; inside a test, the sanitizers would take that
 * for a leak. Imported by the other helpers, and preloaded for the documentation's examples.
 */
import { lookUpEverything } from "../../lib/sys/libc.ts";

lookUpEverything();
